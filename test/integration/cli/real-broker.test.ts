import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { childEnvironment } from '../../../src/demo/child-environment.ts';
import { writeDemoFiles, writeSidecarFiles } from '../../../src/demo/demo-files.ts';
import type { DemoFiles } from '../../../src/demo/demo-files.ts';
import { createPrograms } from '../../../src/demo/programs.ts';
import type { Programs } from '../../../src/demo/programs.ts';
import { startBroker } from '../../../src/demo/start-broker.ts';
import { runHere } from '../../cli/run-here.ts';
import type { Transcript } from '../../cli/run-leasehold.ts';

/** The commands against the broker itself, on the development backend, with one sidecar that holds a bundle. */
let files: DemoFiles;
let programs: Programs;
let env: Readonly<Record<string, string>>;

beforeAll(async () => {
  files = writeDemoFiles();
  const childEnv = childEnvironment(process.env, files.folder);
  programs = createPrograms({ env: childEnv, signal: new AbortController().signal });
  const broker = startBroker({
    process: { files, backend: { kind: 'memory' } },
    env: childEnv,
    timeoutMs: 120_000,
  });
  programs.own(broker.child);
  const { workloads, admin } = await broker.ready();
  env = {
    LEASEHOLD_BROKER: admin,
    LEASEHOLD_CA: files.ca,
    LEASEHOLD_CERT: files.adminCertificate,
    LEASEHOLD_KEY: files.adminKey,
    LEASEHOLD_SERVER_NAME: 'localhost',
  };
  const { token } = await broker.addPod('trainer-0', 'trainer');
  const pod = { name: 'trainer-0', token, broker: workloads, bundle: 'training' };
  const sidecar = writeSidecarFiles(files, pod);
  programs.start(['sidecar', '--config', sidecar.config]);
  await vi.waitUntil(() => existsSync(join(sidecar.target, 'training', 'generation')), {
    timeout: 120_000,
  });
});

afterAll(async () => {
  await programs[Symbol.asyncDispose]();
  rmSync(files.folder, { recursive: true, force: true });
});

const run = (...argv: readonly string[]): Promise<Transcript> => runHere(argv, { env });

async function json<T>(...argv: readonly string[]): Promise<T> {
  const { stdout } = await run(...argv, '--output', 'json');
  return JSON.parse(stdout) as T;
}

describe('the commands against a real broker', () => {
  it('refuse what does not exist, in plain words', async () => {
    expect((await run('session', 'show', 'ses_none')).stderr).toBe(
      'leasehold: no such session (session_unknown)\n',
    );
    expect((await run('lock', 'remove', 'loc_none', '--reason', 'x')).status).toBe(1);
    expect((await run('settle', 'write-off', 'cre_none', '--reason', 'x', '--yes')).status).toBe(1);
    expect((await run('rotate', '--pod', 'no/such', '--reason', 'x', '--yes')).stderr).toBe(
      'no live session matches\n',
    );
  });

  it('explain a refusal', async () => {
    const line = [
      'explain',
      '--bundle',
      'training',
      '--cluster',
      'demo',
      '-n',
      'ml',
      '--service-account',
      'other',
    ];
    const ran = await run(...line);
    expect(ran.status).toBe(1);
    expect(ran.stdout).toContain('trainers  allow   no       serviceAccount');
  });

  it('lock and unlock', async () => {
    const { lock } = await json<{ lock: { id: string } }>(
      ...['lock', 'add', '--node', 'elsewhere-*', '--reason', 'drill', '--yes'],
    );
    expect((await run('lock', 'list')).stdout).toContain(`${lock.id}  node=elsewhere-*  admin:`);
    expect((await run('lock', 'remove', lock.id, '--reason', 'over')).status).toBe(0);
    expect((await run('lock', 'list')).stderr).toBe('no locks\n');
  });

  it('show, revoke with proof, and lift what the revocation left', async () => {
    const { sessions } = await json<{ sessions: { id: string; workload: string }[] }>('session', 'list');
    expect(sessions).toHaveLength(1);
    const { id = '', workload = '' } = sessions[0] ?? {};

    const dry = await run('revoke', '--session', id, '--reason', 'drill', '--dry-run');
    expect(dry).toMatchObject({ status: 0, stderr: 'would revoke 1 session; nothing was changed\n' });
    expect(dry.stdout).toMatch(/ held\n$/);

    const revoked = await run('revoke', '--pod', 'ml/trainer-0', '--reason', 'drill', '--yes');
    expect(revoked).toMatchObject({ status: 0, stderr: 'revoked 1 session; nothing is outstanding\n' });
    expect(revoked.stdout.match(/ confirmed\n/g)).toHaveLength(2);

    const lift = ['settle', 'lift', '--workload', workload, '--bundle', 'training', '--reason', 'over'];
    expect((await run('settle', 'list')).stdout).toContain(workload);
    expect((await run(...lift)).status).toBe(0);
    expect((await run(...lift)).stderr).toContain('no tombstone stands for this workload and bundle');
    expect((await run('session', 'show', id)).stdout).toContain('Ended because:    admin\n');
  });

  it('read its audit log while it is written', async () => {
    const shown = await run('audit', 'show', files.audit, '--pod', 'ml/trainer-0');
    expect(shown.stdout).toMatch(/ credentials made: \S+/);
    expect((await run('audit', 'verify', files.audit)).status).toBe(0);
  });
});
