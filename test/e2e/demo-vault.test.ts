import { symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { documentedFacts } from '../support/demo-run.ts';
import { valueAt } from '../support/json.ts';
import type { VaultProduct } from '../support/parts/vault.ts';
import { describeVaults } from '../support/require.ts';
import { createTempFolder } from '../support/temp-folder.ts';
import { toolPath } from '../support/tools/find-tool.ts';
import { startDemoInFolder } from './demo-folder.ts';

const start = async (stack: AsyncDisposableStack, product: VaultProduct) => {
  // Alone in its folder: a Vault goes before an OpenBao.
  const tools = stack.use(await createTempFolder({ name: 'one-product' }));
  await symlink(toolPath(product), join(tools.path, product));
  return startDemoInFolder(stack, 'real-backend', ['--backend', 'vault'], {
    LEASEHOLD_TOOLS_DIR: tools.path,
  });
};

describeVaults(
  ['postgres'],
  (title) => `leasehold demo --backend vault, at ${title}`,
  (product) => {
    it('shows roles coming and going in PostgreSQL under the printed policy, and leaves nothing', async () => {
      await using stack = new AsyncDisposableStack();
      const { run, expectNothingLeft } = await start(stack, product);
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
      await expectNothingLeft();
    });

    it('ends Vault and PostgreSQL too when it is told to end in the middle', async () => {
      await using stack = new AsyncDisposableStack();
      await (await start(stack, product)).expectEndInTheMiddle();
    });
  },
);
