import tseslint from 'typescript-eslint';

export default tseslint.config(
  { ignores: ['dist', 'node_modules', 'src/rpc/gen', '**/*.js'] },
  ...tseslint.configs.strictTypeChecked,
  {
    languageOptions: { parserOptions: { projectService: true } },
    rules: {
      '@typescript-eslint/switch-exhaustiveness-check': [
        'error',
        { considerDefaultExhaustiveForUnions: true },
      ],
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
      'no-console': 'error',
      eqeqeq: 'error',
    },
  },
  {
    // node:test-style callbacks and fakes implement async ports without awaiting.
    files: ['test/**', 'bench/**'],
    rules: { '@typescript-eslint/require-await': 'off', 'no-console': 'off' },
  },
  { files: ['src/**', 'sidecar/**'], rules: { '@typescript-eslint/require-await': 'off' } },
);
