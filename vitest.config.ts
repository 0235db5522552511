import { defineConfig } from 'vitest/config';

/** A machine that is busy with something else must fail no test: each of these ends only what would never end. */
const patience = { setupFiles: ['test/support/patience.ts'], expect: { poll: { timeout: 30_000 } } };

/** fast: no external part, under a minute. real: Vault, PostgreSQL, Kubernetes; every suite says so when it skips. */
export default defineConfig({
  test: {
    // Much of a test is waiting; a small machine would play one file at a time by default.
    maxWorkers: 3,
    projects: [
      {
        test: {
          ...patience,
          name: 'fast',
          include: ['test/{unit,contract,guards,cli}/**/*.test.ts'],
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
      {
        test: {
          ...patience,
          name: 'real',
          include: ['test/{integration,e2e}/**/*.test.ts'],
          testTimeout: 600_000,
          hookTimeout: 600_000,
          // They wait more than they work, and each owns its parts; with more at once a small machine is their trouble.
          maxWorkers: 2,
          // Where both are run by one command, this one comes after the other.
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
});
