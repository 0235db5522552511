import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { onTestFinished, vi } from 'vitest';
import type { Clock } from '../../../src/platform/clock.ts';
import type { LeaseholdError } from '../../../src/platform/error.ts';
import type { HookAnswer } from '../../../src/platform/hook-socket.ts';
import { createLog } from '../../../src/platform/log.ts';
import type { RegisterRunRequest } from '../../../src/rpc/gen/leasehold/v1/RegisterRunRequest.ts';
import type { ReportRunsRequest } from '../../../src/rpc/gen/leasehold/v1/ReportRunsRequest.ts';
import type { RunToCancel__Output as RunToCancel } from '../../../src/rpc/gen/leasehold/v1/RunToCancel.ts';
import type { SignedRunMatchers__Output as Signed } from '../../../src/rpc/gen/leasehold/v1/SignedRunMatchers.ts';
import type { BrokerClient } from '../../../src/slurm/broker-client.ts';
import { parseSignerConfig } from '../../../src/slurm/config.ts';
import type { Held, JobName, ScheduledRun, Scheduler } from '../../../src/slurm/scheduler.ts';
import { createSigner, type Signer } from '../../../src/slurm/signer.ts';
import { createAgelessCa, signedMatchers } from '../../support/signed-matchers.ts';
import { createTempFolder } from '../../support/temp-folder.ts';

const bySecond = 1_700_000_000;

/** A signer between a controller and a broker that do as they are told, and a clock that a test moves. Every job of partition gpu needs secrets. */
export async function createSignerParts(yaml: Readonly<Record<string, unknown>> = {}) {
  const folder = await createTempFolder({ name: 'signer' });
  onTestFinished(() => folder[Symbol.asyncDispose]());
  const told: string[] = [];
  const reports: ReportRunsRequest[] = [];
  const registrations: RegisterRunRequest[] = [];
  const logged: string[] = [];
  const ended: unknown[] = [];
  const held = new Map<JobName, Held>();
  const trouble: {
    register?: LeaseholdError | undefined;
    report?: LeaseholdError | undefined;
    end?: LeaseholdError | undefined;
    /** Undefined as what it answers with is the job. */
    squeue?: () => Promise<never> | undefined;
    hold?: LeaseholdError | undefined;
    /** Runs whose jobs the broker would have cancelled. */
    toCancel?: readonly RunToCancel[];
    /** The broker's answer to a registration comes after it. */
    answerAfter?: Promise<void>;
    /** Likewise to a report. */
    reportAfter?: Promise<void>;
  } = {};
  let runs: readonly ScheduledRun[] = [];
  let prologsAtStart = true;
  let passed = 0;
  let asked = 0;
  const clock: Clock = {
    now: () => bySecond * 1000 + passed,
    monotonic: () => passed,
    sleep: (ms) => {
      passed += ms;
      return Promise.resolve();
    },
    // As if nothing else happened until then.
    after: (ms, callback) => {
      const timer = setTimeout(() => {
        passed += ms;
        callback();
      }, 20);
      return () => clearTimeout(timer);
    },
  };
  const row = (jobId: number): ScheduledRun => ({
    jobId,
    uid: 5,
    start: bySecond,
    endsAt: 0,
    submitted: bySecond - 10,
    restarts: 0,
    isStarting: true,
    canBeHeld: true,
    name: String(jobId),
    state: undefined,
    nodes: 1,
    qos: '',
  });
  const scheduler: Scheduler = {
    runs: () => Promise.resolve(runs),
    run: (jobId) => {
      asked += 1;
      return trouble.squeue?.() ?? Promise.resolve(row(jobId));
    },
    settings: () => Promise.resolve({ accountingEnforced: false, qosEnforced: false, prologsAtStart }),
    hold: (name) => {
      if (trouble.hold !== undefined) return Promise.reject(trouble.hold);
      told.push(`hold ${name}`);
      held.set(name, 'waiting');
      return Promise.resolve();
    },
    held: () => Promise.resolve(new Map(held)),
    release: (names) => {
      told.push(`release ${names.join()}`);
      for (const name of names) held.delete(name);
      return Promise.resolve(new Map());
    },
    disown: () => Promise.resolve(),
    cancel: (name) => Promise.resolve(void told.push(`cancel ${name}`)),
    cancelRun: () => Promise.resolve(false),
  };
  const anyone = { users: [], groups: [], accounts: [], qos: [], nodes: [] };
  const matchers = [{ grant: 'g', partitions: ['gpu'], ...anyone }];
  const ca = createAgelessCa();
  await writeFile(join(folder.path, 'ca.pem'), ca.certificate);
  /** As a broker signs them now. */
  const sign = (changes: Partial<Parameters<typeof signedMatchers>[0]> = {}): Signed => {
    const made = signedMatchers({ ca, cluster: 'hpc', issuedAt: clock.now(), matchers, ...changes });
    return {
      set: Buffer.from(made.set),
      signature: Buffer.from(made.signature),
      certificates: made.certificates.map((one) => Buffer.from(one)),
    };
  };
  let signed: () => Signed | null = sign;
  const broker: BrokerClient = {
    filesId: '',
    register: async (request) => {
      registrations.push(request);
      await trouble.answerAfter;
      if (trouble.register !== undefined) throw trouble.register;
      return { workload: '', bundles: ['db'], refused: [] };
    },
    report: async (request) => {
      reports.push(request);
      await trouble.reportAfter;
      if (trouble.report !== undefined) throw trouble.report;
      return { ended: 0, toCancel: [...(trouble.toCancel ?? [])] };
    },
    matchers: () =>
      Promise.resolve({ policyRevision: '1', issuedAtMs: clock.now(), matchers, signed: signed() }),
    end: async ({ run, sluid }) => {
      ended.push({ ...run, ...(sluid === undefined ? {} : { sluid }) });
      if (trouble.end !== undefined) throw trouble.end;
      return { known: true };
    },
    [Symbol.dispose]: () => undefined,
  };
  const config = parseSignerConfig(
    JSON.stringify({
      cluster: 'hpc',
      audience: 'a',
      broker: { addresses: ['localhost:1'], ca: join(folder.path, 'ca.pem'), certificate: '/c', key: '/k' },
      keys: ['/s'],
      state: folder.path,
      ...yaml,
    }),
  );
  const begin = (): Promise<Signer> =>
    createSigner({
      config,
      broker: () => broker,
      keys: () => ({ published: [], sign: (claims) => Promise.resolve(JSON.stringify(claims)) }),
      scheduler,
      clock,
      random: () => 0,
      log: createLog({
        level: 'debug',
        name: 'signer',
        destination: { write: (line) => void logged.push(line) },
      }),
      signal: new AbortController().signal,
    });
  let signer = await begin();
  return {
    get signer() {
      return signer;
    },
    /** The next process of the same folder. */
    restart: async () => void (signer = await begin()),
    ca,
    sign,
    /** What the broker sends from now on; null as an older one, which signs nothing. */
    send: (next: () => Signed | null) => (signed = next),
    now: () => clock.now(),
    trouble,
    at: (name: string) => join(folder.path, name),
    /** What the controller was told since the last look. */
    told: () => told.splice(0),
    reports,
    registrations,
    /** Runs whose end the broker was told, in that order. */
    ended,
    logged: () => logged.join(''),
    /** How often squeue was asked for one run. */
    asked: () => asked,
    setPrologsAtStart: (is: boolean) => (prologsAtStart = is),
    setRuns: (all: readonly ScheduledRun[]) => (runs = all),
    row,
    wait: (seconds: number) => (passed += seconds * 1000),
    passed: () => passed,
    until: (check: () => void) => vi.waitFor(check),
    /** The hook of a job that ends. */
    end: (jobId: number, changes: Readonly<Record<string, string>> = {}): Promise<HookAnswer> =>
      signer.answer({
        verb: 'end',
        variables: new Map(
          Object.entries({ SLURM_CLUSTER_NAME: 'hpc', SLURM_JOB_ID: String(jobId), ...changes }),
        ),
      }),
    /** The hook of a job that starts. */
    start: (jobId: number, changes: Readonly<Record<string, string>> = {}): Promise<HookAnswer> =>
      signer.answer({
        verb: 'register',
        variables: new Map(
          Object.entries({
            SLURM_CLUSTER_NAME: 'hpc',
            SLURM_JOB_ID: String(jobId),
            SLURM_JOB_UID: '5',
            SLURM_JOB_GID: '60',
            SLURM_JOB_USER: 'games',
            SLURM_JOB_GROUP: 'games',
            SLURM_JOB_ACCOUNT: '(null)',
            SLURM_JOB_PARTITION: 'gpu',
            SLURM_JOB_NODELIST: 'n1',
            ...changes,
          }),
        ),
      }),
  };
}
