import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { startSlurm } from '../../support/parts/slurm.ts';
import { describeWith } from '../../support/require.ts';
import { createTempFolder } from '../../support/temp-folder.ts';

describeWith(['slurm'], 'hooks of a node beside those of the site, by globs of slurm.conf', () => {
  it("run from the highest name to the lowest: Leasehold's prolog as 99- comes first, its epilog as 00- last", async () => {
    await using folder = await createTempFolder({ name: 'hook-order' });
    const at = (name: string) => join(folder.path, name);
    const place = async (hook: string, names: readonly string[]) => {
      await mkdir(at(`${hook}.d`));
      for (const name of names)
        await writeFile(at(`${hook}.d/${name}`), `#!/bin/sh\necho ${name} >>${at(hook)}\n`, { mode: 0o755 });
    };
    await place('prolog', ['10-site', '99-leasehold', '50-site']);
    await place('epilog', ['50-site', '00-leasehold', '90-site']);
    const lines = async (hook: string) => (await readFile(at(hook), 'utf8').catch(() => '')).split('\n');
    await using slurm = await startSlurm({
      nodes: 1,
      conf: [`Prolog=${at('prolog.d')}/*`, `Epilog=${at('epilog.d')}/*`],
    });
    await slurm.submit('true');
    await slurm.waitFor('the last epilog has run', async () => (await lines('epilog')).length === 4);
    expect(await lines('prolog')).toEqual(['99-leasehold', '50-site', '10-site', '']);
    expect(await lines('epilog')).toEqual(['90-site', '50-site', '00-leasehold', '']);
  });
});
