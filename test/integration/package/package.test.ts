import { existsSync } from 'node:fs';
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { missingForSystemd, startSystemdMachine } from '../../support/parts/systemd-machine.ts';
import { describeWith } from '../../support/require.ts';
import { startOfRun, startSlurmBroker } from '../../support/slurm-broker.ts';
import { createNodeWorld, slurmd } from '../sidecar/node-world.ts';
import { brokerUser, writeBrokerSite } from './unit-sites.ts';
import { expectConfined } from './confined.ts';
import { dpkg, type InstalledPackage, installPackage, runBare } from './installed.ts';
import { readRpm } from './read-rpm.ts';
import { createSigner } from './test-signer.ts';

let pack: InstalledPackage;
let [deb, rpm, root] = ['', '', ''];
const installed = (path: string) => join(root, path);
const leasehold = (...args: readonly string[]) => runBare(installed('usr/bin/leasehold'), args);
const hook = (args: readonly string[], env: Readonly<Record<string, string>>) =>
  runBare(installed('usr/libexec/leasehold/leasehold-hook'), args, env);

/** A line of `dpkg-deb --contents`: mode, owner and path of each file and folder. */
async function contentsOfDeb(): Promise<ReadonlyMap<string, string>> {
  const listed = (await dpkg(['--contents', deb])).trim().split('\n');
  return new Map(
    listed.map((line) => {
      const [mode = '', owner = '', , , , path = ''] = line.split(/\s+/);
      return [path.replace(/^\./, '').replace(/(?<=.)\/$/, ''), `${mode} ${owner}`];
    }),
  );
}

describeWith(['packages'], 'the packages', () => {
  beforeAll(async () => {
    pack = await installPackage('package');
    ({ deb, rpm, root } = pack);
  });
  afterAll(() => pack[Symbol.asyncDispose]());

  it('start and enable nothing, and keep what a site has written', async () => {
    const control = join(pack.folder, 'control');
    await dpkg(['--control', deb, control]);
    const scripts = (await readdir(control)).filter(
      (name) => !['control', 'md5sums', 'conffiles'].includes(name),
    );
    expect(scripts.sort()).toEqual(['postinst', 'postrm']);
    for (const text of [
      ...(await Promise.all(scripts.map((name) => readFile(join(control, name), 'utf8')))),
      readRpm(rpm).afterInstall,
    ])
      expect(text.replaceAll(/^#.*$/gm, '')).not.toMatch(/\b(enable|start|restart|preset)\b/);
    expect((await readFile(join(control, 'conffiles'), 'utf8')).trim().split('\n')).toEqual([
      '/etc/leasehold/broker/broker.yaml',
      '/etc/leasehold/node-agent.yaml',
      '/etc/leasehold/signer.yaml',
    ]);
    const kept = [...readRpm(rpm).files].filter(([, { flags }]) => flags !== 0);
    expect(kept.map(([path, { flags }]) => [path, flags])).toEqual([
      ['/etc/leasehold/broker/broker.yaml', 17],
      ['/etc/leasehold/node-agent.yaml', 17],
      ['/etc/leasehold/signer.yaml', 17],
    ]);
  });

  it('hold what a node and a controller need, root’s own, and closed where keys go', async () => {
    const contents = await contentsOfDeb();
    for (const path of [
      '/usr/bin/leasehold',
      '/usr/libexec/leasehold/leasehold-hook',
      '/usr/libexec/leasehold/leasehold-task-prolog',
      '/usr/lib/systemd/system-generators/leasehold-noswap',
    ])
      expect([path, contents.get(path)]).toEqual([path, '-rwxr-xr-x root/root']);
    expect(contents.get('/usr/libexec/leasehold/leasehold-notify')).toBe('-rwx--x--x root/root');
    for (const path of [
      '/usr/lib/systemd/system/leasehold-node-agent.service',
      '/usr/lib/systemd/system/leasehold-broker.service',
      '/usr/lib/sysusers.d/leasehold.conf',
      '/usr/lib/systemd/system/leasehold-signer.service',
      '/usr/lib/systemd/system/run-leasehold.mount',
      '/usr/lib/systemd/system/run-leasehold-own-runs.mount',
      '/usr/lib/systemd/system/run-leasehold-runs.mount',
      '/usr/lib/tmpfiles.d/leasehold.conf',
      '/usr/share/man/man1/leasehold.1',
      ...['broker', 'node-agent', 'signer'].flatMap((part) => [
        `/usr/share/man/man8/leasehold-${part}.8`,
        `/usr/share/man/man5/leasehold-${part}.yaml.5`,
      ]),
      '/usr/share/doc/leasehold/examples/slurm.conf',
      '/usr/share/doc/leasehold/examples/leasehold-broker-login.conf',
      '/usr/share/doc/leasehold/examples/leasehold-slurmd.conf',
      '/usr/share/doc/leasehold/examples/enroot.fstab',
      '/usr/share/doc/leasehold/examples/apptainer.conf',
      '/usr/share/doc/leasehold/examples/oci-mount.json',
    ])
      expect([path, contents.get(path)]).toEqual([path, '-rw-r--r-- root/root']);
    expect(contents.get('/etc/leasehold')).toBe('drwxr-x--x root/root');
    expect(contents.get('/etc/leasehold/broker')).toBe('drwxr-x--- root/root');
    expect(contents.get('/etc/leasehold/node')).toBe('drwx------ root/root');
    for (const [path, facts] of contents)
      expect([path, facts]).toEqual([path, expect.stringMatching(/ root\/root$/)]);
  });

  it('are the same for both package managers, but for where zsh looks', async () => {
    const facts = readRpm(rpm);
    expect([facts.name, facts.requires.includes('libatomic')]).toEqual(['leasehold', true]);
    const inDeb = [...(await contentsOfDeb())]
      .filter(([, mode]) => mode.startsWith('-'))
      .map(([path]) => path);
    const names = (paths: readonly string[]) =>
      paths.map((path) => path.replace(/\/usr\/share\/zsh\/[^/]+/, 'zsh')).sort();
    const inRpm = [...facts.files.keys()].filter(
      (path) => !/^\/etc\/leasehold(\/(node|broker))?$/.test(path),
    );
    expect(names(inRpm)).toEqual(names(inDeb));
    expect(facts.files.get('/etc/leasehold')?.mode).toBe(0o751);
    expect(facts.files.get('/etc/leasehold/broker')?.mode).toBe(0o750);
    expect(facts.files.get('/etc/leasehold/node')?.mode).toBe(0o700);
  });

  it('have lines for slurm.conf that name what Slurm forks, and units that lead to the program', async () => {
    const lines = await readFile(installed('usr/share/doc/leasehold/examples/slurm.conf'), 'utf8');
    const named = [...lines.matchAll(/^\w+=(\/\S+)$/gm)].map(([, path = '']) => path);
    for (const unit of ['broker', 'node-agent', 'signer']) {
      const text = await readFile(installed(`usr/lib/systemd/system/leasehold-${unit}.service`), 'utf8');
      named.push(...[...text.matchAll(/^Exec\w+=(\S+)/gm)].map(([, path = '']) => path));
    }
    expect(named.length).toBeGreaterThanOrEqual(11);
    for (const path of named)
      expect([path, (await stat(installed(path))).mode & 0o111]).toEqual([path, 0o111]);
  });

  it('bring every command in one program that needs no Node', async () => {
    const { version } = JSON.parse(await readFile('package.json', 'utf8')) as { readonly version: string };
    expect((await leasehold('--version')).stdout).toContain(
      `leasehold ${version} (node ${process.versions.node}`,
    );
    const demo = await leasehold('demo', '--output', 'json');
    expect(demo.stderr).toBe('');
    expect(JSON.parse(demo.stdout.trim().split('\n').at(-1) ?? '')).toMatchObject({ step: 'done', ok: true });
    // Read and understood, up to the files that only a site has.
    for (const part of ['broker', 'signer', 'node-agent']) {
      const example = installed(`usr/share/doc/leasehold/examples/${part}.yaml`);
      const { stdout, stderr } = await leasehold(part, '--config', example, '--check');
      expect([part, stdout, stderr]).toEqual([part, '', expect.stringContaining('cannot be read')]);
    }
  });

  it('serve the hooks of a run from prolog to epilog', async () => {
    await using broker = await startSlurmBroker();
    await using world = await createNodeWorld(
      { address: broker.nodes, ca: broker.ca.certificate, authority: broker.ca },
      undefined,
      'spiffe://test/slurm/hpc/node/n1',
      [installed('usr/bin/leasehold')],
    );
    const job = slurmd({
      SLURM_CLUSTER_NAME: 'hpc',
      SLURM_JOB_ID: 12,
      SLURM_JOB_UID: 20_001,
      SLURM_JOB_GID: 20_001,
    });
    const variables = Object.fromEntries(Object.entries(job).map(([name, value]) => [name, String(value)]));
    const socket = ['--socket', world.socket];
    const away = await hook(['prolog', ...socket], variables);
    expect([away.status, away.stderr]).toEqual([0, expect.stringContaining('cannot be reached')]);

    await world.start();
    const start = startOfRun();
    using signer = createSigner(broker, start);
    await signer.register();
    const patient = ['prolog', ...socket, '--timeout', '120'];
    expect(await hook(patient, variables)).toMatchObject({ status: 0, stderr: '' });
    const login = await stat(world.path(`run/runs/12-${start}/db/database.env`));
    expect([login.uid, login.mode & 0o777]).toEqual([20_001, 0o400]);
    const task = await runBare(
      installed('usr/libexec/leasehold/leasehold-task-prolog'),
      [world.path('run/jobs')],
      { SLURM_JOB_ID: '12', SLURM_JOB_UID: '20001', SLURM_RESTART_COUNT: '0' },
    );
    expect(task).toEqual({
      status: 0,
      stdout: expect.stringContaining(
        `export LEASEHOLD_DIR=${world.path(`run/runs/12-${start}`)}\n`,
      ) as string,
      stderr: '',
    });

    await signer.end();
    expect(await hook(['epilog', ...socket], variables)).toMatchObject({ status: 0, stderr: '' });
    expect(await readdir(world.path('run/runs'))).toEqual([]);
    expect(world.marker(12)).toBeUndefined();
    await vi.waitFor(
      async () =>
        expect((await broker.ledger.listSessions({ limit: 10 })).map(({ state }) => state)).toEqual([
          'ended',
        ]),
      { timeout: 120_000 },
    );
  });

  it.runIf(existsSync('/usr/bin/systemd-analyze'))(
    'have units that are closed, as systemd judges them',
    async () => {
      const units = ['leasehold-broker', 'leasehold-node-agent', 'leasehold-signer'];
      for (const unit of units) {
        const args = ['security', '--offline=true', `--root=${root}`, '--threshold=30', `${unit}.service`];
        const judged = await runBare('/usr/bin/systemd-analyze', args);
        expect([unit, judged.status]).toEqual([unit, 0]);
      }
    },
  );

  it.runIf(missingForSystemd.length === 0)(
    'run the broker as a user of its own, under a real systemd, with what it logs in with handed over by it',
    async () => {
      writeBrokerSite(root);
      const { uid, gid } = brokerUser(root);
      expect(uid).toBeGreaterThan(0);
      await using machine = await startSystemdMachine(root);
      const shell = (text: string) => machine.run(['sh', '-c', text]).stdout.trim();
      const log = () => shell('cat /var/broker.log');
      const units = '/usr/lib/systemd/system';
      const verified = shell(
        `systemd-analyze verify ${units}/leasehold-*.service ${units}/run-leasehold*.mount 2>&1; echo $?`,
      );
      expect(verified).toBe('0');
      machine.run(['ip', 'link', 'set', 'lo', 'up']);
      expect(machine.run(['systemctl', 'start', 'leasehold-broker'])).toMatchObject({ status: 0 });
      await vi.waitFor(() => expect(log()).toContain('broker is serving'), {
        timeout: 120_000,
        interval: 200,
      });

      const pid = shell('systemctl show --property=MainPID --value leasehold-broker');
      expectConfined(shell(`cat /proc/${pid}/status`), uid);
      expect(
        shell(
          'stat -c "%u %a" /var/lib/leasehold /var/lib/leasehold/ledger.sqlite /var/log/leasehold/audit.log',
        ),
      ).toBe(`${uid} 700\n${uid} 600\n${uid} 600`);
      // What it logs in with is the service's alone, and nothing else of the system can be written by it.
      expect(shell(`stat -c %u /proc/${pid}/root/run/credentials/leasehold-broker.service/secret-id`)).toBe(
        String(uid),
      );
      const into = (text: string) =>
        machine.run([
          'nsenter',
          `--target=${pid}`,
          '--mount',
          '--root',
          `--setuid=${uid}`,
          `--setgid=${gid}`,
          'sh',
          '-c',
          text,
        ]);
      expect(into('cat /etc/leasehold/broker/role-id').stdout).toBe('role');
      expect(into('cat /etc/leasehold/broker/vault/secret-id').status).toBe(1);
      expect(into('touch /var/lib/leasehold/x && rm /var/lib/leasehold/x').status).toBe(0);
      expect(into('touch /etc/leasehold/broker/x || touch /usr/x || touch /var/x').status).toBe(1);

      expect(machine.run(['systemctl', 'stop', 'leasehold-broker']).status).toBe(0);
      expect(shell('systemctl show --property=Result --value leasehold-broker')).toBe('success');
      const actions = shell('cat /var/log/leasehold/audit.log')
        .split('\n')
        .map((line) => (JSON.parse(line) as { readonly action: string }).action);
      expect([actions.at(0), actions.at(-1)]).toEqual(['start', 'stop']);
    },
  );
});
