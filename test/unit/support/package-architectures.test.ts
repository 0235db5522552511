import { afterEach, describe, expect, it, vi } from 'vitest';
import { architectures, toolchainFor } from '../../../scripts/package-architectures.ts';

describe('the tools for a package', () => {
  afterEach(() => {
    vi.unstubAllEnvs();
  });

  it.each(architectures)(
    'for %s are all named where they are missing, with what brings them',
    (architecture) => {
      vi.stubEnv('PATH', '/nonexistent');
      const found = toolchainFor(architecture);
      expect('missing' in found ? found.missing : []).toEqual([
        expect.stringMatching(/^\S+ is not on PATH \(Debian: gcc/),
        expect.stringMatching(/^\S*strip is not on PATH \(Debian: binutils/),
      ]);
    },
  );
});
