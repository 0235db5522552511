import { mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { buildHook } from '../../../scripts/build-hook.ts';
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

  it('are the program itself, by links of any name: Slurm tells it what it runs as, and a user of a job does not', async () => {
    await using folder = await createTempFolder({ name: 'hook-itself' });
    const at = (name: string) => join(folder.path, name);
    const built = buildHook({
      folder: at('bin'),
      sockets: { agent: at('agent.sock'), signer: at('signer.sock') },
    });
    if (!built.built) throw new Error(built.why);
    const hook = at('bin/leasehold-hook');
    for (const link of ['prolog.d/99-leasehold', 'epilog.d/00-leasehold']) {
      await mkdir(join(at(link), '..'));
      await symlink(hook, at(link));
    }
    const asked: string[] = [];
    const serve = async (name: string) => {
      const server = createServer((socket) => {
        let text = '';
        socket.setEncoding('utf8').on('data', (chunk: string) => {
          text += chunk;
          if (!text.endsWith('\0\0')) return;
          asked.push(`${name} ${text.slice('leasehold/1 '.length, text.indexOf('\n'))}`);
          expect(text).toContain('\0SLURM_JOB_ID=1\0');
          socket.end('OK\n');
        });
      });
      await new Promise<void>((resolve) => server.listen(at(`${name}.sock`), resolve));
      return server;
    };
    await using servers = new AsyncDisposableStack();
    for (const name of ['agent', 'signer']) servers.use(await serve(name));
    await using slurm = await startSlurm({
      nodes: 1,
      conf: [
        ...['PrologSlurmctld', 'EpilogSlurmctld'].map((line) => `${line}=${hook}`),
        ...['Prolog', 'Epilog'].map((name) => `${name}=${at(`${name.toLowerCase()}.d`)}/*`),
      ],
    });
    const job = await slurm.submit('true', { args: ['--export=ALL,SLURM_SCRIPT_CONTEXT=epilog_slurmd'] });
    await slurm.waitFor('all four have asked', async () => asked.length >= 4);
    await slurm.waitFor('the node is free', async () => (await slurm.nodeStates())[0] === 'IDLE');
    expect(await slurm.state(job)).toBe('CD');
    expect(asked.slice(0, 2)).toEqual(['signer register', 'agent prolog']);
    expect(asked.slice(2).sort()).toEqual(['agent epilog', 'signer end']);
  });
});
