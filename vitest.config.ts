import { defineConfig } from 'vitest/config';

/** fast: no external part, under a minute. real: Vault, PostgreSQL, Kubernetes; every suite says so when it skips. */
export default defineConfig({
  test: {
    // Much of a test is waiting; a small machine would play one file at a time by default.
    maxWorkers: 3,
    projects: [
      {
        test: {
          name: 'fast',
          include: ['test/{unit,contract,guards,cli}/**/*.test.ts'],
          testTimeout: 20_000,
          hookTimeout: 20_000,
        },
      },
      {
        test: {
          name: 'real',
          include: ['test/{integration,e2e}/**/*.test.ts'],
          testTimeout: 180_000,
          hookTimeout: 300_000,
          fileParallelism: false,
        },
      },
    ],
  },
});
