import { existsSync } from 'node:fs';
import { chmod, readdir, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { documentedFacts, startDemo } from '../support/demo-run.ts';
import { valueAt } from '../support/json.ts';
import type { VaultProduct } from '../support/parts/vault.ts';
import { waitFor } from '../support/parts/wait-until-ready.ts';
import { describeVaults } from '../support/require.ts';
import { createTempFolder } from '../support/temp-folder.ts';
import { toolPath } from '../support/tools/find-tool.ts';

/** Where everything that the demo writes to disk has to go, and to be gone from. */
const startInFolder = async (stack: AsyncDisposableStack, product: VaultProduct) => {
  const folder = stack.use(await createTempFolder({ name: 'real-backend' }));
  // PostgreSQL runs as another user and must be able to pass through to its own folder.
  await chmod(folder.path, 0o711);
  // Alone in its folder: a Vault goes before an OpenBao.
  const tools = stack.use(await createTempFolder({ name: 'one-product' }));
  await symlink(toolPath(product), join(tools.path, product));
  const run = startDemo(['--backend', 'vault', '--output', 'json'], {
    LEASEHOLD_TOOLS_DIR: tools.path,
    TMPDIR: folder.path,
  });
  return { folder: folder.path, run: stack.use(run) };
};

describeVaults(
  ['postgres'],
  (title) => `leasehold demo --backend vault, at ${title}`,
  (product) => {
    it('shows roles coming and going in PostgreSQL under the printed policy, and leaves nothing', async () => {
      await using stack = new AsyncDisposableStack();
      const { folder, run } = await startInFolder(stack, product);
      const backend = await run.reached('backend');
      expect(valueAt(backend, 'policies')).toEqual(['leasehold-broker', 'leasehold-training-read']);
      expect(valueAt(backend, 'tokenRoles')).toEqual(['leasehold-training']);
      await run.reached('files');
      const values = run.deliveredValues();

      expect([await run.ended(), run.stderr()]).toEqual([0, '']);
      expect([...run.facts()]).toEqual([...documentedFacts({ steps: ['failed'], keys: [] })]);
      const [files, rotation, revoke] = await Promise.all(
        ['files', 'rotation', 'revoke'].map((step) => run.reached(step)),
      );
      expect(valueAt(files, 'roles')).toEqual([valueAt(files, 'username')]);
      expect(valueAt(rotation, 'roles')).toEqual([valueAt(rotation, 'username')]);
      expect(valueAt(rotation, 'gone')).toBe(valueAt(files, 'username'));
      expect(valueAt(revoke, 'roles')).toEqual([]);
      expect(values.filter((value) => run.lines().join('\n').includes(value))).toEqual([]);

      expect(run.children()).toEqual([]);
      expect(await readdir(folder)).toEqual([]);
      expect(existsSync(run.folder() ?? '/')).toBe(false);
    });

    it('ends Vault and PostgreSQL too when it is told to end in the middle', async () => {
      await using stack = new AsyncDisposableStack();
      const { folder, run } = await startInFolder(stack, product);
      await run.reached('files');
      run.kill('SIGTERM');
      expect(await run.ended()).toBe(1);
      await waitFor('every process of the demo to end', async () => run.children().length === 0, 10_000);
      expect(await readdir(folder)).toEqual([]);
      expect(existsSync(run.folder() ?? '/')).toBe(false);
    });
  },
);
