import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { hasNoswap } from '../../support/may-mount.ts';
import { missingForSystemd, startSystemdMachine } from '../../support/parts/systemd-machine.ts';
import { describeWith } from '../../support/require.ts';
import { runLeasehold } from '../../support/leasehold-process.ts';
import { startOfRun, startSlurmBroker } from '../../support/slurm-broker.ts';
import { slurmd } from '../sidecar/node-world.ts';
import { expectConfined } from './confined.ts';
import { type InstalledPackage, installPackage } from './installed.ts';
import { createSigner } from './test-signer.ts';
import { writeNodeSite, writeSlurmd } from './unit-sites.ts';

let installed: InstalledPackage;
const variablesOf = (job: Readonly<Record<string, string | number>>) =>
  Object.entries(slurmd(job)).map(([name, value]) => `${name}=${value}`);

describeWith(['packages'], 'the package on a node', () => {
  describe.runIf(missingForSystemd.length === 0)('under a real systemd', () => {
    beforeAll(async () => {
      installed = await installPackage('node');
    });
    afterAll(() => installed[Symbol.asyncDispose]());

    it('start a node agent that answers hooks before its unit counts as started, and slurmd when jobs can be told', async () => {
      writeNodeSite(installed.root, { isCertified: false });
      writeSlurmd(installed.root);
      await using machine = await startSystemdMachine(installed.root);
      const shell = (text: string) => machine.run(['sh', '-c', text]).stdout.trim();
      const variables = variablesOf({ SLURM_CLUSTER_NAME: 'hpc', SLURMD_NODENAME: 'n1' });
      const ran = () => shell('cat /var/slurmd.log');
      const state = (unit: string) => shell(`systemctl show --property=ActiveState --value ${unit}`);
      const start = (unit: string) => machine.run(['systemctl', 'start', unit]).status;
      const configuration = '/etc/leasehold/node-agent.yaml';
      const socket = '/run/leasehold/agent.sock';

      // Of an agent that ends at once neither is started, and nobody waits for one that could still answer.
      shell(`mv ${configuration} ${configuration}.kept; echo 'x: 1' > ${configuration}`);
      expect([start('leasehold-node-agent'), start('slurmd')]).toEqual([1, 1]);
      shell(`mv ${configuration}.kept ${configuration}; systemctl stop slurmd leasehold-node-agent`);
      expect(start('run-leasehold.mount')).toBe(0);
      shell(`mkdir ${socket}`);
      expect([start('leasehold-node-agent'), start('slurmd')]).toEqual([1, 1]);
      shell(`rmdir ${socket}; systemctl stop slurmd leasehold-node-agent`);

      // As it is at boot: what wants slurmd brings the agent, which has no certificate, and no broker.
      expect(start('slurmd')).toBe(1);
      expect(state('leasehold-node-agent')).toBe('active');
      const hooked = machine.run([
        ...['env', '-i', ...variables],
        ...['/usr/libexec/leasehold/leasehold-hook', 'epilog', '--away', '0'],
      ]);
      expect(hooked).toEqual({ status: 0, stdout: '', stderr: '' });
      expect(ran()).toBe('');
      // Told once, as a broker that answers for a moment does, it comes by itself.
      shell('echo {} > /run/leasehold/matchers.json');
      await vi.waitFor(() => expect(ran()).toBe('started'), { timeout: 180_000, interval: 500 });
      expect(state('slurmd')).toBe('active');
      // The agent may go and come beneath it.
      for (const verb of ['restart', 'stop'])
        expect(machine.run(['systemctl', verb, 'leasehold-node-agent']).status).toBe(0);
      expect([state('slurmd'), ran()]).toEqual(['active', 'started']);
    });

    it('run the node agent with its mounts under a real systemd, and stopping it takes nothing away', async () => {
      writeNodeSite(installed.root);
      await using machine = await startSystemdMachine(installed.root);
      const shell = (text: string) => machine.run(['sh', '-c', text]).stdout.trim();
      expect(machine.run(['systemctl', 'start', 'leasehold-node-agent'])).toMatchObject({ status: 0 });
      expect(shell('cat /var/node-agent.log')).toContain('"ready"');
      const mounts = () =>
        Object.fromEntries(
          [...shell('mount').matchAll(/ on (\/run\/leasehold\S*) type tmpfs \(([^)]+)\)/g)].map(
            // A kernel may have words of its own besides.
            ([, place = '', options = '']) => [
              place,
              options.split(',').filter((word) => word !== 'inode64'),
            ],
          ),
        );
      const closed = ['nosuid', 'nodev', 'noexec', 'relatime'];
      const kept = ['mode=711', ...(hasNoswap ? ['noswap'] : [])];
      const expected = {
        '/run/leasehold': ['rw', ...closed, 'size=16384k', ...kept],
        '/run/leasehold/own/runs': ['rw', ...closed, 'size=65536k', ...kept],
        '/run/leasehold/runs': ['ro', ...closed, 'size=65536k', ...kept],
      };
      expect(mounts()).toEqual(expected);
      expect(shell('cat /var/node-agent.log').includes('files may be swapped to a disk')).toBe(!hasNoswap);
      const variables = variablesOf({ SLURM_CLUSTER_NAME: 'hpc', SLURMD_NODENAME: 'n1' });
      const hooked = machine.run([
        ...['env', '-i', ...variables, 'SLURM_SCRIPT_CONTEXT=epilog_slurmd'],
        '/usr/libexec/leasehold/leasehold-hook',
      ]);
      expect(hooked).toEqual({ status: 0, stdout: '', stderr: '' });

      const pid = shell('systemctl show --property=MainPID --value leasehold-node-agent');
      const within = (text: string) =>
        machine.run(['nsenter', `--target=${pid}`, '--mount', '--root', 'sh', '-c', text]).status;
      // Where a node that enrols keeps what it got, and nowhere else.
      expect(shell('stat -c "%u %a" /var/lib/leasehold-node')).toBe('0 700');
      expect(within('touch /var/lib/leasehold-node/x && rm /var/lib/leasehold-node/x')).toBe(0);
      expect(within('touch /etc/leasehold/node/x || touch /usr/x || touch /var/lib/x')).toBe(1);
      expect(machine.run(['systemctl', 'stop', 'leasehold-node-agent']).status).toBe(0);
      expect(mounts()).toEqual(expected);
    });

    it('adds noswap to its mounts where the kernel can, and what a site says counts more', async () => {
      await using machine = await startSystemdMachine(installed.root);
      const shell = (text: string) => machine.run(['sh', '-c', text]).stdout.trim();
      const generator = '/usr/lib/systemd/system-generators/leasehold-noswap';
      /** What it writes where `uname -r` says that. */
      const generated = (release: string) => {
        shell(
          `rm -rf /var/g; mkdir -p /var/g /var/u; printf '#!/bin/sh\\necho ${release}\\n' >/var/u/uname; chmod +x /var/u/uname`,
        );
        const { status, stderr } = machine.run(['sh', '-c', `PATH=/var/u:$PATH ${generator} /var/g`]);
        expect([release, status, stderr]).toEqual([release, 0, '']);
        const lines = shell('cd /var/g && grep -r Options= . | sort');
        return lines === '' ? [] : lines.split('\n');
      };
      const line = (unit: string, options: string) =>
        `./${unit}.mount.d/00-leasehold-noswap.conf:Options=${options}`;
      const shipped = 'mode=0711,nosuid,nodev,noexec,noswap';
      // In a container of other users no kernel can.
      const isFirst = /^\s*0\s+0\s+4294967295$/m.test(shell('cat /proc/self/uid_map'));
      const written = (...lines: readonly string[]) => (isFirst ? lines : []);
      const ofRuns = line('run-leasehold-own-runs', `size=64m,${shipped}`);
      const both = written(ofRuns, line('run-leasehold', `size=16m,${shipped}`));
      for (const release of ['6.4.0', '6.12.0-55.el10.x86_64', '7.0-rc1', '10.0'])
        expect([release, generated(release)]).toEqual([release, both]);
      for (const release of ['5.14.0-503.el9.x86_64', '6.3.9', '4.18.0', '6', 'unknown'])
        expect([release, generated(release)]).toEqual([release, []]);

      const place = (path: string, text: string) =>
        expect(machine.run(['sh', '-c', `mkdir -p "\${0%/*}" && cat >"$0"`, path], text).status).toBe(0);
      // The unit is the site's own.
      const own = '/etc/systemd/system/run-leasehold.mount';
      const edited = (options: string) => {
        place(own, `[Mount]\nWhat=leasehold\nWhere=/run/leasehold\nType=tmpfs\nOptions=${options}\n`);
        return generated('6.4.0');
      };
      expect(edited('size=32m')).toEqual(written(ofRuns, line('run-leasehold', 'size=32m,noswap')));
      for (const options of ['size=32m,noswap', 'size=32m, mode=0700', 'size=32m,\\\nmode=0700', ''])
        expect([options, edited(options)]).toEqual([options, written(ofRuns)]);
      shell(`rm ${own}; echo 'leasehold /run/leasehold tmpfs size=32m 0 0' >/etc/fstab`);
      expect(generated('6.4.0')).toEqual(written(ofRuns));
      shell('rm /etc/fstab');

      // As systemd puts it together: by name, whichever folder a drop-in is in.
      const optionsNow = () => {
        shell('systemctl daemon-reload');
        return shell('systemctl show --property=Options --value run-leasehold.mount');
      };
      expect(optionsNow().includes('noswap')).toBe(hasNoswap);
      place(`${own}.d/05-size.conf`, '[Mount]\nOptions=size=32m\n');
      expect(optionsNow()).toBe('size=32m');
    });

    it('delivers, rotates, tells the program and wipes, with no more rights than its unit leaves it', async () => {
      await using broker = await startSlurmBroker();
      writeNodeSite(installed.root, { broker });
      await using machine = await startSystemdMachine(installed.root);
      const shell = (text: string) => machine.run(['sh', '-c', text]).stdout.trim();
      const until = (look: () => void | Promise<void>) =>
        vi.waitFor(look, { timeout: 180_000, interval: 200 });
      shell('ip link set lo up');
      await using stack = new AsyncDisposableStack();
      stack.use(await machine.lead(8445, broker.nodes));
      expect(machine.run(['systemctl', 'start', 'leasehold-node-agent'])).toMatchObject({ status: 0 });
      const pid = shell('systemctl show --property=MainPID --value leasehold-node-agent');
      // chown, dac_override, fowner, setgid and setuid of linux/capability.h.
      expectConfined(shell(`cat /proc/${pid}/status`), 0, 'cb');

      const start = startOfRun();
      using signer = createSigner(broker, start);
      await signer.register();
      const owner = 20_001;
      const job = { SLURM_CLUSTER_NAME: 'hpc', SLURM_JOB_ID: 12, SLURM_JOB_UID: owner, SLURM_JOB_GID: owner };
      // In the background: the broker is in this process.
      const hook = async (verb: string) => {
        const command = `env -i ${variablesOf(job).join(' ')} /usr/libexec/leasehold/leasehold-hook ${verb}`;
        shell(
          `(${command} --timeout 120 >/tmp/${verb}.said 2>&1; echo $? >/tmp/${verb}.status) >/dev/null 2>&1 &`,
        );
        await until(() => expect(shell(`cat /tmp/${verb}.status`)).toBe('0'));
        expect(shell(`cat /tmp/${verb}.said`)).toBe('');
      };
      await hook('prolog');
      const folder = `/run/leasehold/runs/12-${start}`;
      const file = `${folder}/db/database.env`;
      expect(shell(`stat -L -c "%u %g %a" ${folder} ${file}`)).toBe('0 0 711\n20001 20001 400');
      const asOwner = (...command: readonly string[]) =>
        machine.run([`setpriv`, `--reuid=${owner}`, `--regid=${owner}`, '--clear-groups', ...command]);
      const first = asOwner('cat', file).stdout;
      expect(first).toMatch(/password/i);

      // As a step of the job would be.
      const program = `trap 'cat ${file} >/tmp/told/new' USR1; : >/tmp/told/ready; while :; do read -r line </tmp/told/never; done`;
      shell(`mkdir -m 0777 /tmp/told; mkfifo -m 0666 /tmp/told/never`);
      shell(
        `setsid setpriv --reuid=${owner} --regid=${owner} --clear-groups env -i LEASEHOLD_DIR=${folder} LEASEHOLD_SIGNAL=USR1 PATH=/bin:/usr/bin sh -c "${program}" </dev/null >/dev/null 2>&1 &`,
      );
      await until(() => expect(shell('ls /tmp/told')).toContain('ready'));
      const ada = broker.ca.issueClient({ commonName: 'ada' });
      const by = { ca: broker.ca.certificate, cert: ada.certificate, key: ada.key };
      const files = Object.entries(by).map(async ([name, text]) => {
        const path = join(installed.folder, `${name}.pem`);
        await writeFile(path, text, { mode: 0o600 });
        return [`--${name}`, path];
      });
      const connection = ['--broker', broker.admin, ...(await Promise.all(files)).flat()];
      const why = ['--reason', 'drill', '--yes'];
      const rotated = await runLeasehold(['rotate', '--job', '12', ...why, ...connection]);
      expect(rotated.status, rotated.stderr).toBe(0);
      await until(() => expect(shell('cat /tmp/told/new')).toMatch(/password/i));
      expect(shell('cat /tmp/told/new')).toBe(asOwner('cat', file).stdout.trim());
      expect(shell('cat /tmp/told/new')).not.toBe(first.trim());
      await until(() => expect(shell('cat /var/node-agent.log')).toContain('"told":1'));

      await signer.end();
      await hook('epilog');
      expect(shell('find /run/leasehold/own/runs /run/leasehold/runs /run/leasehold/jobs -mindepth 1')).toBe(
        '',
      );
      await until(async () =>
        expect((await broker.ledger.listSessions({ limit: 10 })).map(({ state }) => state)).toEqual([
          'ended',
        ]),
      );
    });
  });
});
