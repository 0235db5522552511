import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { stringify } from 'yaml';
import { startVault } from '../test/support/parts/vault.ts';
import { waitFor } from '../test/support/parts/wait-until-ready.ts';
import { textAt } from '../test/support/json.ts';
import { missingReasons } from '../test/support/require.ts';
import { findTool } from '../test/support/tools/find-tool.ts';
import { memoryOf, rest } from './lib/child.ts';
import { startServer } from './lib/server.ts';
import type { Benchmark } from './lib/result.ts';

const count = 8;
const settleMs = 5_000;
const root = join(import.meta.dirname, '..');
/** What the chart of a site would set: a small heap is plenty for a few files. */
const flags = ['--max-semi-space-size=1', '--max-old-space-size=64', '--lite-mode', '--v8-pool-size=0'];

interface Memory {
  readonly anonymousMb: number;
  readonly pssMb: number;
}

/** Memory of eight idle sidecars that have delivered, beside eight Vault Agents with two templates each. */
export const sidecarMemory: Benchmark = async ({ say }) => {
  say('building');
  await promisify(execFile)(process.execPath, [join(root, 'scripts', 'build.ts')]);
  const folder = await mkdtemp(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'leasehold-bench-'));
  try {
    say(`${count} sidecars`);
    const ours = await sidecars(folder);
    const lacking = missingReasons('vault');
    if (lacking.length > 0) say(`Vault Agent left out: ${lacking.join('; ')}`);
    else say(`${count} Vault Agents`);
    const agent = lacking.length > 0 ? undefined : await agents(folder);
    const figure = (name: 'anonymousMb' | 'pssMb', goal: number) => ({
      figure: `sidecar.${name === 'pssMb' ? 'pss' : 'anonymous'}`,
      value: ours[name],
      unit: 'MB',
      ...(agent === undefined
        ? {}
        : {
            peer: { name: 'Vault Agent', value: agent[name] },
            goal: {
              text: `at most Vault Agent's (${goal} MB on the test bed)`,
              met: ours[name] <= agent[name],
            },
          }),
    });
    return [figure('anonymousMb', 22), figure('pssMb', 39)];
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
};

async function sidecars(folder: string): Promise<Memory> {
  await using server = await startServer('broker', count);
  const { ready } = server;
  const children: ChildProcess[] = [];
  try {
    const ca = join(folder, 'ca.pem');
    await writeFile(ca, ready.ca);
    const delivered: string[] = [];
    for (const [index, token] of ready.tokens.entries()) {
      const own = join(folder, `sidecar-${index}`);
      await mkdir(join(own, 'secrets'), { recursive: true, mode: 0o700 });
      await writeFile(join(own, 'token'), token, { mode: 0o600 });
      const config = join(own, 'sidecar.yaml');
      await writeFile(
        config,
        stringify({
          broker: { address: ready.address, ca, serverName: 'localhost' },
          credential: join(own, 'token'),
          target: join(own, 'secrets'),
          bundles: [{ name: 'static' }],
          allowDisk: true,
        }),
      );
      delivered.push(join(own, 'secrets', 'static', 'api-key'));
      children.push(
        spawn(process.execPath, [...flags, join(root, 'dist', 'leasehold-sidecar.cjs'), '--config', config], {
          stdio: 'ignore',
        }),
      );
    }
    await waitFor('the files', async () => delivered.every((file) => existsSync(file)), 30_000);
    return await measured(children);
  } finally {
    for (const child of children) child.kill('SIGKILL');
  }
}

async function agents(folder: string): Promise<Memory> {
  await using vault = await startVault();
  const program = findTool('vault');
  if ('missing' in program) throw new Error(program.missing);
  await vault.call('POST', 'sys/auth/approle', { type: 'approle' });
  await vault.call('POST', 'secret/data/api', { data: { key: 'v' } });
  await vault.call('PUT', 'sys/policies/acl/bench', {
    policy: 'path "secret/data/*" { capabilities = ["read"] }',
  });
  await vault.call('POST', 'auth/approle/role/bench', { token_policies: ['bench'], token_ttl: '1h' });
  const roleId = textAt(await vault.call('GET', 'auth/approle/role/bench/role-id'), 'data', 'role_id');
  const children: ChildProcess[] = [];
  const delivered: string[] = [];
  try {
    for (let index = 0; index < count; index += 1) {
      const own = join(folder, `agent-${index}`);
      await mkdir(own, { recursive: true, mode: 0o700 });
      const secret = await vault.call('POST', 'auth/approle/role/bench/secret-id', {});
      await writeFile(join(own, 'role'), roleId);
      await writeFile(join(own, 'secret'), textAt(secret, 'data', 'secret_id'));
      const template = (name: string) =>
        `template {\n  contents = "{{ with secret \\"secret/data/api\\" }}{{ .Data.data.key }}{{ end }}"\n  destination = "${join(own, name)}"\n}\n`;
      await writeFile(
        join(own, 'agent.hcl'),
        `vault { address = "${vault.address}" }\nauto_auth {\n  method "approle" { config = { role_id_file_path = "${join(own, 'role')}", secret_id_file_path = "${join(own, 'secret')}" } }\n}\n${template('one')}${template('two')}`,
      );
      delivered.push(join(own, 'one'), join(own, 'two'));
      children.push(
        spawn(program.path, ['agent', `-config=${join(own, 'agent.hcl')}`], {
          stdio: 'ignore',
          env: { ...process.env, VAULT_DISABLE_MLOCK: '1' },
        }),
      );
    }
    await waitFor('the templates', async () => delivered.every((file) => existsSync(file)), 60_000);
    return await measured(children);
  } finally {
    for (const child of children) child.kill('SIGKILL');
  }
}

/** Means over the processes, after a rest. */
async function measured(children: readonly ChildProcess[]): Promise<Memory> {
  await rest(settleMs);
  const all = children.map(({ pid = 0 }) => memoryOf(pid));
  const mean = (name: 'anonymousKb' | 'pssKb') =>
    all.reduce((sum, memory) => sum + memory[name], 0) / all.length / 1024;
  return { anonymousMb: mean('anonymousKb'), pssMb: mean('pssKb') };
}
