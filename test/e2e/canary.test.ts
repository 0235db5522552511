import { randomBytes } from 'node:crypto';
import { globSync, readdirSync, readFileSync, readlinkSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { waitFor } from '../support/parts/wait-until-ready.ts';
import { exampleSecret } from '../support/parts/vault-with-postgres.ts';
import { describeWith } from '../support/require.ts';
import { startHolder } from './holder.ts';
import type { Login } from './holder.ts';
import type { Site } from './site.ts';
import { startSite } from './site.ts';
import { audience } from './site-files.ts';

/** A place that a secret could leak to, and what stands there. */
interface Sink {
  readonly name: string;
  readonly bytes: Buffer;
}

const readSink = (file: string): Sink => ({ name: file, bytes: readFileSync(file) });

const found = (sinks: readonly Sink[], canaries: Readonly<Record<string, string>>): readonly string[] =>
  sinks.flatMap(({ name, bytes }) =>
    Object.entries(canaries)
      .filter(([, canary]) => bytes.includes(canary))
      .map(([what]) => `${what} in ${name}`),
  );

const filesBelow = (folder: string): readonly string[] =>
  globSync('**/*', { cwd: folder })
    .map((path) => join(folder, path))
    .filter((path) => statSync(path, { throwIfNoEntry: false })?.isFile() === true);

const processSinks = (pid: number): readonly Sink[] =>
  ['cmdline', 'environ'].map((name) => readSink(`/proc/${pid}/${name}`));

const pidOf = (argument: string): number => {
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      const words = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
      if (words.includes(argument) && words[0]?.endsWith('node') === true) return Number(pid);
    } catch {
      // Ended meanwhile.
    }
  }
  throw new Error('no such process');
};

describeWith(['vault', 'postgres', 'kubernetes'], 'secrets', () => {
  let site: Site;
  beforeAll(async () => {
    site = await startSite();
  });
  afterAll(async () => {
    await site[Symbol.asyncDispose]();
  });

  it('stand nowhere but in the delivered files through a whole life, errors included', async () => {
    const folder = dirname(site.files.audit);
    const pod = await site.one.createPod({ namespace: 'shop', name: 'canary', serviceAccount: 'app' });
    const token = await site.one.createBoundToken({ ...pod, audience });
    const garbage = `canary-${randomBytes(24).toString('hex')}`;
    const brokerToken = readFileSync(join(folder, 'vault-token'), 'utf8').trim();
    await using holder = await startHolder({ site: site.files, token });
    await using stranger = await startHolder({ site: site.files, token: garbage });
    const login = async (isNew: (login: Login) => boolean): Promise<Login> => {
      let last: Login | undefined;
      await waitFor('the files', async () => {
        last = await holder.readLogin();
        return last !== undefined && isNew(last);
      });
      if (last === undefined) throw new Error('no files');
      return last;
    };
    const first = await login(() => true);
    const outputs: Sink[] = [];
    const command = async (...args: readonly string[]) => {
      const { status, stdout, stderr } = await site.command(...args);
      expect(status, stderr).toBe(0);
      outputs.push({ name: `leasehold ${args[0] ?? ''}`, bytes: Buffer.from(stdout + stderr) });
    };
    await command('rotate', '--pod', 'shop/canary', '--reason', 'canary', '--yes');
    const second = await login(({ username }) => username !== first.username);
    await waitFor('the stranger to be refused', async () =>
      stranger.process.lastOutput().includes('credential_malformed'),
    );
    await command('session', 'list', '--output', 'json');
    const canaries = {
      'a password': first.password,
      'the rotated password': second.password,
      'a KV value': exampleSecret.password,
      'a token of a pod': token,
      "the signature of a pod's token": token.split('.')[2] ?? token,
      'a refused token': garbage,
      "the broker's token": brokerToken,
    };

    const holderFolder = readlinkSync(`/proc/${holder.process.pid}/cwd`);
    const delivered = filesBelow(join(holderFolder, 'secrets')).map(readSink);
    // The search works: what is delivered is found where it is delivered.
    expect(found(delivered, { 'the rotated password': second.password })).not.toEqual([]);

    const metrics = await (await fetch(`${site.files.http}/metrics`)).text();
    const running = [
      { name: '/metrics', bytes: Buffer.from(metrics) },
      ...processSinks(pidOf(site.files.brokerConfig)),
      ...processSinks(holder.process.pid),
      ...processSinks(stranger.process.pid),
    ];
    await command('revoke', '--pod', 'shop/canary', '--reason', 'canary', '--yes', '--wait', '30s');
    const strangerFolder = readlinkSync(`/proc/${stranger.process.pid}/cwd`);
    const written = [folder, holderFolder, strangerFolder]
      .flatMap(filesBelow)
      // Where the site itself has put them.
      .filter((file) => !/\/(vault-token|token)$/.test(file) && !/\/secrets\//.test(file));
    expect(written.some((file) => file.endsWith('broker.log'))).toBe(true);
    expect(written.some((file) => file.endsWith('sidecar.log'))).toBe(true);
    expect(written.some((file) => /ledger\.sqlite/.test(file))).toBe(true);
    expect(found([...running, ...outputs, ...written.map(readSink)], canaries)).toEqual([]);
  });
});
