import { generateKeyPairSync } from 'node:crypto';
import { chown, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { buildHook } from '../../../scripts/build-hook.ts';
import { runLeasehold, startLeasehold } from '../../support/leasehold-process.ts';
import type { OwnedProcess } from '../../support/parts/owned-process.ts';
import { startSlurm, type SlurmCluster } from '../../support/parts/slurm.ts';
import { audience, cluster, startSlurmBroker, type SlurmBroker } from '../../support/slurm-broker.ts';
import { startSwitch, type Switch } from '../../support/switch.ts';

/** Of SlurmUser, where that is not root. */
export interface Account {
  readonly uid: number;
  readonly gid: number;
}

/** A real Slurm whose controller asks a real signer, which asks a broker in this process by a way that can be cut. */
export interface SignerSite extends AsyncDisposable {
  readonly broker: SlurmBroker;
  readonly way: Switch;
  readonly slurm: SlurmCluster;
  at(name: string): string;
  /** A private file of the signer's. */
  give(name: string, text: string, owner?: Account): Promise<string>;
  /** Ends it, unless it is gone, and starts it with these changes of its configuration for good; serves when this resolves. */
  restart(change?: {
    readonly yaml?: Readonly<Record<string, unknown>>;
    readonly runAs?: Account;
    readonly signal?: 'SIGKILL' | 'SIGTERM';
  }): Promise<void>;
  /** Without a word, at once. */
  kill(): Promise<void>;
  /** Output of `--keys` with these files, which the signer that runs does not learn of. */
  publicKeys(keys: readonly string[]): Promise<string>;
  log(): Promise<string>;
  /** Lines of the audit about runs of a job. */
  records(action: string, jobId: number): Promise<readonly string[]>;
  ofJob(jobId: number): ReturnType<SlurmBroker['ledger']['findRunOfJob']>;
  /** Until the job and its run are over. */
  isOver(jobId: number): Promise<void>;
  /** Until the signer would hold what needs secrets. */
  hasMatchers(): Promise<void>;
  /** Until the signer has nothing left to release. */
  holdsNothing(): Promise<void>;
  /** A script that is over once that file is in `out`: what is looked at meanwhile may take as long as it does. */
  lastsUntil(file: string): string;
  release(file: string): Promise<void>;
}

/** How long the signer asks a broker before it holds a job: more than a broker of a busy machine takes to answer. */
export const giveUp = '6s';

export const newSigningKey = (): string =>
  generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' });

/** The hooks note status, job, restart count and their own uid; while `out/slow` is there, a job stays in its first hook. */
const hooks = (folder: string, flags = '') => ({
  PrologSlurmctld: `: >"$T/out/$SLURM_JOB_ID.asks"
while [ -e "$T/out/slow" ]; do sleep 0.1; done
"$T/bin/leasehold-hook" register --socket "${folder}/signer/hook.sock" ${flags} 2>>"$T/out/register.err"
echo "$? $SLURM_JOB_ID $SLURM_JOB_RESTART_COUNT $(id -u)" >>"$T/out/register"`,
  EpilogSlurmctld: `"$T/bin/leasehold-hook" end --socket "${folder}/signer/hook.sock" ${flags} 2>>"$T/out/end.err"
echo "$? $SLURM_JOB_ID $SLURM_JOB_RESTART_COUNT $(id -u)" >>"$T/out/end"`,
});

export async function startSignerSite(
  options: {
    readonly nodes?: number;
    readonly hasBackup?: boolean;
    readonly conf?: readonly string[];
    /** SlurmUser, and then the signer's user too. */
    readonly slurmUser?: Account;
    /** More of signer.yaml. */
    readonly yaml?: (folder: string) => Readonly<Record<string, unknown>>;
    readonly keyRefreshMs?: number;
    /** Of both hooks of the controller. */
    readonly hookFlags?: string;
  } = {},
): Promise<SignerSite> {
  await using building = new AsyncDisposableStack();
  const broker = building.use(
    await startSlurmBroker(options.keyRefreshMs === undefined ? {} : { keyRefreshMs: options.keyRefreshMs }),
  );
  const way = building.use(await startSwitch(broker.nodes));
  const { slurmUser } = options;
  const slurm = building.use(
    await startSlurm({
      hooks: (folder) => hooks(folder, options.hookFlags),
      ...(options.nodes === undefined ? {} : { nodes: options.nodes }),
      ...(options.hasBackup === undefined ? {} : { hasBackup: options.hasBackup }),
      ...(options.conf === undefined ? {} : { conf: options.conf }),
      ...(slurmUser === undefined ? {} : { slurmUser: 'slurm' }),
    }),
  );
  const at = (name: string) => join(slurm.folder, name);
  const built = buildHook({ folder: at('bin') });
  if (!built.built) throw new Error(built.why);
  for (const name of ['signer', 'signer-state']) {
    await mkdir(at(name), { mode: 0o700 });
    if (slurmUser !== undefined) await chown(at(name), slurmUser.uid, slurmUser.gid);
  }
  const give = async (name: string, text: string, owner = slurmUser) => {
    await writeFile(at(name), text, { mode: 0o600 });
    if (owner !== undefined) await chown(at(name), owner.uid, owner.gid);
    return at(name);
  };
  const pair = broker.signerCertificate();
  let yaml: Readonly<Record<string, unknown>> = {
    cluster,
    audience,
    broker: {
      addresses: [way.address],
      ca: await give('ca.crt', broker.ca.certificate),
      certificate: await give('signer.crt', pair.certificate),
      key: await give('signer.key', pair.key),
    },
    keys: [await give('signing.pem', newSigningKey())],
    state: at('signer-state'),
    socket: { path: at('signer/hook.sock') },
    slurm: { conf: at('slurm.conf') },
    outage: { giveUp },
    reconcile: '2s',
    ...options.yaml?.(slurm.folder),
  };
  let runAs = slurmUser;
  const publicKeys = async (keys: readonly string[]) => {
    const config = await give('signer-keys.yaml', stringify({ ...yaml, keys }));
    const { status, stdout, stderr } = await runLeasehold(['signer', '--config', config, '--keys']);
    if (status !== 0) throw new Error(stderr);
    return stdout;
  };
  const log = () => slurm.read('signer.log');
  let signer: OwnedProcess | undefined;
  building.defer(() => signer?.stop());
  const restart: SignerSite['restart'] = async (change = {}) => {
    yaml = { ...yaml, ...change.yaml };
    runAs = change.runAs ?? runAs;
    signer?.signal(change.signal ?? 'SIGTERM');
    await signer?.stop();
    await give('signer.yaml', stringify(yaml), runAs);
    const from = (await log()).length;
    const args = ['signer', '--config', at('signer.yaml')];
    const owner = runAs === undefined ? {} : { runAs };
    signer = await startLeasehold({ name: 'signer', folder: slurm.folder, args, ...owner });
    const begun = signer;
    await slurm.waitFor('the signer serves', async () => {
      if (begun.exited) throw new Error(`the signer has ended: ${begun.lastOutput()}`);
      return (await log()).slice(from).includes('signer is serving');
    });
  };
  await writeFile(join(broker.folder, 'signer.jwks'), await publicKeys([at('signing.pem')]));
  await restart();
  const ofJob = (jobId: number): ReturnType<SlurmBroker['ledger']['findRunOfJob']> =>
    broker.ledger.findRunOfJob({ cluster, jobId });
  const owned = building.move();
  return {
    broker,
    way,
    slurm,
    at,
    give,
    restart,
    kill: async () => {
      signer?.signal('SIGKILL');
      await signer?.stop();
    },
    publicKeys,
    log,
    records: async (action, jobId) =>
      (await readFile(broker.auditFile, 'utf8'))
        .split('\n')
        .filter((line) => line.includes(`"${action}"`) && line.includes(`run/${cluster}/${jobId}/`)),
    ofJob,
    isOver: (jobId) =>
      slurm.waitFor(
        `job ${jobId} and its run are over`,
        async () => {
          const state = await slurm.state(jobId);
          return (
            (state === undefined || /^(CD|CA|F|TO|NF)$/.test(state)) && (await ofJob(jobId)) === undefined
          );
        },
        // A hook that scancel kills says nothing; then it is the signer's next report that ends the run.
        150,
      ),
    hasMatchers: () =>
      slurm.waitFor('matchers are kept', async () => (await slurm.read('signer-state/matchers.json')) !== ''),
    holdsNothing: () =>
      slurm.waitFor(
        'nothing is held any more',
        async () => (await slurm.read('signer-state/held.json')) === '[]',
      ),
    lastsUntil: (file) => `while [ ! -e ${at(`out/${file}`)} ]; do sleep 0.1; done`,
    release: (file) => writeFile(at(`out/${file}`), ''),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}
