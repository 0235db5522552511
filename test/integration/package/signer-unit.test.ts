import { execFileSync } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { missingForSystemd, startSystemdMachine } from '../../support/parts/systemd-machine.ts';
import { describeWith } from '../../support/require.ts';
import { writeBrokerSite, writeControllerSite } from './unit-sites.ts';
import { expectConfined } from './confined.ts';
import { type InstalledPackage, installPackage } from './installed.ts';

let installed: InstalledPackage;
const numberOf = (option: '-u' | '-g') =>
  Number(execFileSync('/usr/bin/id', [option, 'slurm'], { encoding: 'utf8' }));

describeWith(['packages', 'slurm'], 'the package on a controller', () => {
  describe.runIf(missingForSystemd.length === 0)('under a real systemd', () => {
    beforeAll(async () => {
      installed = await installPackage('controller');
    });
    afterAll(() => installed[Symbol.asyncDispose]());

    it('runs the signer as SlurmUser, which a real slurmctld asks and nobody else can', async () => {
      const slurm = { uid: numberOf('-u'), gid: numberOf('-g') };
      const { root } = installed;
      writeControllerSite(root, writeBrokerSite(root), slurm);
      await using machine = await startSystemdMachine(root);
      const shell = (text: string) => machine.run(['sh', '-c', text]).stdout.trim();
      const until = (look: () => void) => vi.waitFor(look, { timeout: 180_000, interval: 200 });
      const start = (...units: readonly string[]) => machine.run(['systemctl', 'start', ...units]).status;
      const asUser = (...command: readonly string[]) =>
        machine.run(['setpriv', '--reuid=5', '--regid=60', '--clear-groups', ...command]);
      const linesOf = (file: string) =>
        shell(`cat ${file}`)
          .split('\n')
          .map((line) => JSON.parse(line) as Readonly<Record<string, unknown>>);
      const said = (msg: string) =>
        linesOf('/var/signer.log').flatMap((line) => (line['msg'] === msg ? [line['job']] : []));
      const recorded = (action: string) =>
        linesOf('/var/log/leasehold/audit.log').filter((record) => record['action'] === action);
      const submit = () =>
        asUser('sbatch', '--parsable', '--chdir=/', '--output=/dev/null', '--wrap=true').stdout.trim();
      const mainProcess = () => shell('systemctl show --property=MainPID --value leasehold-signer');
      // Slurm resolves no address where there is only a loopback one.
      shell('ip link set lo up; ip address add 10.200.0.1/32 dev lo');

      // As the guide has it: the public keys go to the broker, and the signer is there before slurmctld.
      const jwks = '/etc/leasehold/broker/signer.jwks';
      shell(`leasehold signer --config /etc/leasehold/signer.yaml --keys >${jwks}`);
      expect(start('leasehold-broker', 'munge', 'leasehold-signer')).toBe(0);
      await until(() =>
        expect(shell('cat /var/signer.log /var/broker.log')).toMatch(
          /signer is serving[^]*broker is serving/,
        ),
      );
      const pid = mainProcess();
      expectConfined(shell(`cat /proc/${pid}/status`), slurm.uid);
      expect(
        shell(
          'stat -c "%u %a" /run/leasehold-signer /run/leasehold-signer/signer.sock /var/lib/leasehold-signer',
        ),
      ).toBe(`${slurm.uid} 750\n${slurm.uid} 600\n${slurm.uid} 700`);
      const account = [`--setuid=${slurm.uid}`, `--setgid=${slurm.gid}`];
      const within = (text: string) =>
        machine.run(['nsenter', `--target=${pid}`, '--mount', '--root', ...account, 'sh', '-c', text]).status;
      expect(within('touch /var/lib/leasehold-signer/x && rm /var/lib/leasehold-signer/x')).toBe(0);
      expect(within('touch /etc/leasehold/signer.key || touch /usr/x || touch /var/slurm/state/x')).toBe(1);

      expect(start('slurmctld', 'slurmd')).toBe(0);
      await until(() => expect(shell('sinfo --noheader --format=%t --partition=gpu')).toBe('idle'));
      const job = ['SLURM_CLUSTER_NAME=hpc', 'SLURM_JOB_ID=1', 'SLURM_JOB_UID=5'];
      const foreign = asUser('env', '-i', ...job, '/usr/libexec/leasehold/leasehold-hook', 'register');
      expect(foreign.stderr).toContain('Permission denied');
      expect([said('a run is registered'), recorded('run_register')]).toEqual([[], []]);

      expect(submit()).toBe('1');
      await until(() => expect(said('a run ends')).toEqual([1]));
      expect(said('a run is registered')).toEqual([1]);
      for (const action of ['run_register', 'run_end'])
        // The end of a run that no node holds is on record once more when the broker looks at it.
        expect(recorded(action)).toContainEqual(
          expect.objectContaining({ outcome: 'ok', job: '1', user: 'games', partition: 'gpu' }),
        );

      // One that dies is there again for the next job, by itself.
      shell(`kill -KILL ${pid}`);
      await until(() => expect(shell('cat /var/signer.log').match(/signer is serving/g)).toHaveLength(2));
      expect(['0', pid]).not.toContain(mainProcess());
      expect(submit()).toBe('2');
      await until(() => expect(said('a run ends')).toEqual([1, 2]));
      expect(said('a run is registered')).toEqual([1, 2]);

      expect(machine.run(['systemctl', 'stop', 'leasehold-signer']).status).toBe(0);
      expect(shell('systemctl show --property=Result --value leasehold-signer')).toBe('success');
      expect(shell('systemctl is-active slurmctld; ls /run/leasehold-signer')).toBe('active');
    });
  });
});
