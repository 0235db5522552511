import { chmod, chown } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { listenForHooks } from '../../../src/platform/hook-socket.ts';
import { createLog } from '../../../src/platform/log.ts';
import { createTempFolder } from '../../support/temp-folder.ts';

const listen = (folder: string) =>
  listenForHooks({
    path: join(folder, 'hook.sock'),
    group: undefined,
    answer: async () => ({ ok: true }),
    log: createLog({ level: 'error', name: 'test' }),
  });

describe('the folder of the socket of hooks', () => {
  it.for([0o770, 0o707])(
    'is refused with mode %o: others could put a socket of their own there',
    async (mode) => {
      await using folder = await createTempFolder({ name: 'hooks' });
      await chmod(folder.path, mode);
      await expect(listen(folder.path)).rejects.toMatchObject({ code: 'config_invalid' });
    },
  );

  it.skipIf(process.getuid?.() !== 0)('is refused when it is the folder of another user', async () => {
    await using folder = await createTempFolder({ name: 'hooks' });
    await chown(folder.path, 65_534, 0);
    await expect(listen(folder.path)).rejects.toMatchObject({ code: 'config_invalid' });
  });

  it('serves in one of its own', async () => {
    await using folder = await createTempFolder({ name: 'hooks' });
    await using socket = await listen(folder.path);
    expect(socket).toBeDefined();
  });
});
