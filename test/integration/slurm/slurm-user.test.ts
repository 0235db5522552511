import { execFile, execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chmod, chown, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startProcess } from '../../support/parts/owned-process.ts';
import type { SlurmCluster } from '../../support/parts/slurm.ts';
import { describeWith } from '../../support/require.ts';
import { type Account, newSigningKey, type SignerSite, startSignerSite } from './signer-site.ts';

const numberOf = (option: '-u' | '-g', user: string) =>
  Number(execFileSync('/usr/bin/id', [option, user], { encoding: 'utf8' }));
const accountOf = (user: string): Account => ({ uid: numberOf('-u', user), gid: numberOf('-g', user) });

describeWith(['slurm'], 'where SlurmUser is not root and users see only what is their own', () => {
  let site: SignerSite;
  let slurm: SlurmCluster;
  let slurmUser: Account;
  const games = accountOf('games');

  beforeAll(async () => {
    slurmUser = accountOf('slurm');
    site = await startSignerSite({
      nodes: 2,
      slurmUser,
      conf: ['PrivateData=jobs,users,accounts'],
      keyRefreshMs: 500,
    });
    ({ slurm } = site);
  });
  afterAll(async () => {
    await (site as SignerSite | undefined)?.[Symbol.asyncDispose]();
  });

  interface HookEnd {
    readonly status: number | null;
    readonly stderr: string;
  }
  /** As that user, of a job of whose run it would like to make an end. */
  const hook = (account: Account, args: readonly string[], jobId: number): Promise<HookEnd> =>
    new Promise((resolve) => {
      const env = { SLURM_CLUSTER_NAME: 'hpc', SLURM_JOB_ID: String(jobId), SLURM_JOB_UID: '5' };
      const child = execFile(
        site.at('bin/leasehold-hook'),
        args,
        { ...account, env, cwd: '/', timeout: 60_000 },
        (_error, _stdout, stderr) => resolve({ status: child.exitCode, stderr }),
      );
    });
  const running = async (script = 'sleep 300', user: 'games' | 'news' = 'games') => {
    const id = await slurm.submit(script, { user });
    await slurm.waitFor('it runs', async () => (await slurm.state(id)) === 'R');
    return id;
  };
  const isRegistered = async (id: number) => (await site.ofJob(id))?.state === 'active';

  it('registers and ends the runs of every user by hooks that run as SlurmUser', async () => {
    const [one, other] = [await running(), await running('sleep 300', 'news')];
    expect(await site.ofJob(one)).toMatchObject({
      state: 'active',
      identity: { user: 'games', uid: games.uid },
    });
    expect(await site.ofJob(other)).toMatchObject({ state: 'active', identity: { user: 'news' } });
    const seen = execFileSync('/usr/bin/squeue', ['-h', '-o', '%A'], {
      ...games,
      env: slurm.env,
      encoding: 'utf8',
    });
    expect(seen.trim()).toBe(String(one));
    for (const id of [one, other]) await slurm.command('scancel', String(id));
    for (const id of [one, other]) await site.isOver(id);
    for (const kind of ['register', 'end'])
      expect(await slurm.read(`out/${kind}`)).toMatch(new RegExp(`^0 ${one} 0 ${slurmUser.uid}$`, 'm'));
    await slurm.isIdle();
  });

  it('lets no user of jobs speak to the signer, nor serve in its place', async () => {
    const id = await running();
    const [socket, log] = [site.at('signer/hook.sock'), await site.log()];
    const tried = await hook(games, ['end', '--socket', socket], id);
    expect(tried).toEqual({
      status: 0,
      stderr: `leasehold-hook end: ${socket} cannot be reached: Permission denied\n`,
    });
    // Neither is it let in where the folder is open to it: the socket itself is closed.
    await chmod(site.at('signer'), 0o711);
    expect(await hook(games, ['end', '--socket', socket], id)).toEqual(tried);
    expect(await isRegistered(id)).toBe(true);
    expect(await site.records('run_end', id)).toEqual([]);
    expect((await site.log()).slice(log.length)).not.toContain('request of a hook');

    const theirs = site.at('out/theirs.sock');
    await using impostor = new AsyncDisposableStack();
    const program = `require('net').createServer((s) => s.on('data', (d) => { console.log('heard ' + d.length); s.end('OK\\n'); })).listen('${theirs}')`;
    const server = await startProcess({
      name: 'impostor',
      command: process.execPath,
      args: ['-e', program],
      logFile: site.at('impostor.log'),
      runAs: games,
    });
    impostor.use(server);
    await slurm.waitFor('they serve', async () => existsSync(theirs));
    await chmod(theirs, 0o777);
    expect(await hook(slurmUser, ['end', '--socket', theirs], id)).toEqual({
      status: 0,
      stderr: `leasehold-hook end: ${theirs} is served by a user who may not\n`,
    });
    expect(server.lastOutput()).toBe('');
    const peer = ['--peer', String(games.uid)];
    expect(await hook(slurmUser, ['end', '--socket', theirs, ...peer], id)).toEqual({
      status: 0,
      stderr: '',
    });
    expect(server.lastOutput()).toContain('heard');
    await slurm.command('scancel', String(id));
    await site.isOver(id);
  });

  it('is served by a signer that is root and lets in the group of SlurmUser', async () => {
    const root = { uid: 0, gid: 0 };
    await chown(site.at('signer'), 0, slurmUser.gid);
    await chmod(site.at('signer'), 0o750);
    const before = { path: site.at('signer/hook.sock') };
    await site.restart({ yaml: { socket: { ...before, group: slurmUser.gid } }, runAs: root });
    const id = await running();
    expect(await isRegistered(id)).toBe(true);
    await chmod(site.at('signer'), 0o711);
    expect(await hook(games, ['end', '--socket', before.path], id)).toMatchObject({
      status: 0,
      stderr: expect.stringContaining('Permission denied') as string,
    });
    expect(await isRegistered(id)).toBe(true);
    await slurm.command('scancel', String(id));
    await site.isOver(id);
    await chown(site.at('signer'), slurmUser.uid, slurmUser.gid);
    for (const name of ['runs', 'held.json', 'matchers.json'])
      if (existsSync(site.at(`signer-state/${name}`)))
        await chown(site.at(`signer-state/${name}`), slurmUser.uid, slurmUser.gid);
    await site.restart({ yaml: { socket: before }, runAs: slurmUser });
  });

  it('takes a new signing key while jobs start, run and end, and then trusts the old one no more', async () => {
    const [old, next] = [site.at('signing.pem'), site.at('next.pem')];
    const keyFile = join(site.broker.folder, 'signer.jwks');
    const idsIn = (text: string) => text.match(/(?<="kid": ")[^"]+/g) ?? [];
    const [oldId = ''] = idsIn(await site.publicKeys([old]));
    const before = await running();

    // As the guide has it: the broker reads both, then they change places, and the signer that runs takes that up.
    const nextKey = newSigningKey();
    await site.give('next.pem', nextKey);
    const both = await site.publicKeys([old, next]);
    expect(idsIn(both)).toHaveLength(2);
    await writeFile(keyFile, both);
    const overlap = await running();
    expect(await isRegistered(overlap)).toBe(true);
    const oldKey = await slurm.read('signing.pem');
    await site.give('next.pem', oldKey);
    await site.give('signing.pem', nextKey);
    await slurm.waitFor('the signer has read its keys again', async () =>
      (await site.log()).includes('the signing keys are other ones'),
    );
    const during = await running();
    expect(await isRegistered(during)).toBe(true);

    const rest = JSON.parse(both) as { readonly keys: readonly { readonly kid: string }[] };
    await writeFile(keyFile, JSON.stringify({ keys: rest.keys.filter(({ kid }) => kid !== oldId) }));
    const after = await running();
    expect(await isRegistered(after)).toBe(true);
    for (const id of [before, overlap, during, after]) {
      expect(await isRegistered(id)).toBe(true);
      await slurm.command('scancel', String(id));
      await site.isOver(id);
    }

    // Whoever took the old key makes nobody believe: the job waits, as if no broker were there.
    await site.hasMatchers();
    await site.restart({ yaml: { keys: [next] } });
    const id = await slurm.submit('sleep 0', { args: ['--requeue'] });
    await slurm.waitFor('it is held', async () =>
      (await slurm.command('squeue', '-h', '-j', String(id), '-o', '%r')).includes('in held state'),
    );
    expect(await site.ofJob(id)).toBeUndefined();
    expect(await slurm.read('out/register.err')).toContain(
      'the signing key of the credential is not known here',
    );
    const [refused] = (await readFile(site.broker.auditFile, 'utf8'))
      .split('\n')
      .filter((line) => line.includes('"credential_unknown_key"'));
    expect(JSON.parse(refused ?? '{}')).toMatchObject({
      action: 'run_register',
      outcome: 'refused',
      actor: 'signer:hpc',
    });
    await site.restart({ yaml: { keys: [old] } });
    await slurm.waitFor('it has run', async () => (await slurm.state(id)) === 'CD');
    await site.isOver(id);
    await slurm.isIdle();
  });
});
