import { copyFile } from 'node:fs/promises';
import type { Audit, AuditEvent } from '../../../src/audit/audit.ts';
import { createAdmission } from '../../../src/backend/admission.ts';
import { createMemoryBackend, type MemoryBackend } from '../../../src/backend/memory/memory-backend.ts';
import type { PodIdentity, Verified, WorkloadState, WorkloadStates } from '../../../src/identity/identity.ts';
import { type LeaseEngine, startLeaseEngine } from '../../../src/lease/engine.ts';
import type { Attachment, HolderMessage } from '../../../src/lease/sessions.ts';
import { defaultLeaseSettings, type LeaseSettings } from '../../../src/lease/settings.ts';
import type { ReachStep } from '../../../src/lease/steps.ts';
import type { Ledger } from '../../../src/ledger/ledger.ts';
import { openSqliteLedger } from '../../../src/ledger/sqlite/sqlite-ledger.ts';
import { LeaseholdError } from '../../../src/platform/error.ts';
import { silentLog } from '../../../src/platform/log.ts';
import { randomId } from '../../../src/platform/random-id.ts';
import { Secret } from '../../../src/platform/secret.ts';
import type { Bundle } from '../../../src/policy/bundle.ts';
import type { Decision } from '../../../src/policy/decision.ts';
import type { PolicySource } from '../../../src/policy/policy-source.ts';
import { createTempFolder } from '../../support/temp-folder.ts';
import { createManualClock, type ManualClock } from '../backend/manual-clock.ts';

export const dbBundle: Bundle = {
  name: 'db',
  tokenRole: 'leasehold-db',
  secrets: [
    { name: 'login', kind: 'leased', path: 'database/creds/app', engine: 'read' },
    { name: 'api', kind: 'static', path: 'secret/data/api', engine: 'kv2' },
  ],
  files: [{ path: 'login.json', mode: 0o440, content: { format: 'json', secret: 'login' } }],
  ttlSeconds: 600,
  maxSeconds: 3600,
  overlapSeconds: 60,
  refreshSeconds: 30,
  outage: { mode: 'keep', afterSeconds: 0 },
  perNode: false,
  nodeWithoutSecrets: 'fail_tasks',
};

export const kvBundle: Bundle = {
  ...dbBundle,
  name: 'kv',
  tokenRole: 'leasehold-kv',
  secrets: [{ name: 'api', kind: 'static', path: 'secret/data/api', engine: 'kv2' }],
  files: [{ path: 'api.json', mode: 0o440, content: { format: 'json', secret: 'api' } }],
};

export function aPod(uid = 'uid-1'): PodIdentity {
  return {
    kind: 'pod',
    workload: `pod/a/${uid}`,
    spiffeId: `spiffe://test/k8s/a/ns/ml/sa/trainer/pod/${uid}`,
    cluster: 'a',
    namespace: 'ml',
    serviceAccount: 'trainer',
    serviceAccountUid: 'sa-1',
    pod: `pod-${uid}`,
    podUid: uid,
    node: 'n1',
    labels: {},
    images: { known: false },
  };
}

export function aVerified(identity = aPod(), holder = 'pod', holders: readonly string[] = ['pod']): Verified {
  return { identity, holder, holders, credentialId: 'jti-1', credentialExpiresAt: Number.MAX_SAFE_INTEGER };
}

/** A holder that keeps what it is told. */
export interface Holder {
  readonly attachment: Attachment;
  readonly messages: HolderMessage[];
  last<K extends HolderMessage['kind']>(kind: K): Extract<HolderMessage, { kind: K }> | undefined;
  /** Opens a bundle and acknowledges the generation that comes. */
  take(bundle: string): Promise<void>;
  login(): { readonly username: string; readonly password: string };
}

export interface World {
  readonly clock: ManualClock;
  readonly backend: MemoryBackend;
  /** The one in use. */
  readonly ledger: Ledger;
  readonly records: AuditEvent[];
  /** Of the first replica, or of another one. */
  readonly engine: (replica?: number) => LeaseEngine;
  /** A replica ends without a word to anybody: from now on nothing that it does reaches the ledger. */
  kill(replica: number): Promise<void>;
  /** A replica leaves in good order. */
  leave(replica: number): Promise<void>;
  /** Calls of the ledger by one replica fail, or do not any more. */
  cut(replica: number, isCut: boolean): void;
  /** Calls of the backend by one replica fail or are never answered, or are again. */
  cutBackend(replica: number, how: 'refused' | 'silent' | undefined): void;
  /** Of one replica alone, or of all of them in the same moment. */
  cutAudit(replicas: readonly number[], isCut: boolean): void;
  /** A copy of the ledger's files, taken while nothing is written. */
  copyLedger(): Promise<string>;
  /** The broker is stopped and started on such a copy; `between` is what happens before the ledger is left, and before the engine starts on the copy. */
  restore(copy: string, between?: BetweenLedgers): Promise<void>;
  /** Stops the engine as a crash would, without a word to anybody, and starts another on the same ledger. */
  restart(): Promise<void>;
  holder(
    verified?: Verified,
    options?: { readonly mayOpen?: boolean; readonly at?: number },
  ): Promise<Holder>;
  pass(ms: number): Promise<void>;
  /** Lets what is under way come to rest without time passing. */
  settle(): Promise<void>;
  setState(workload: string, state: WorkloadState): void;
  grant(allowed: boolean): void;
  setAuditBroken(broken: boolean): void;
  /** Whether more may be owed to the log. */
  setAuditRoom(room: boolean): void;
  /** Runs before each record; what it throws is thrown to the engine. */
  setAudit(hook: (event: AuditEvent) => Promise<void> | void): void;
  /** Runs before each call of the ledger; what it throws is thrown to the engine, and the call is not made. */
  setLedger(hook: (method: string) => Promise<void> | void): void;
  /** Runs around each call of the ledger, the backend and the audit log: it may refuse, make it twice, or lose its answer. */
  setAround(around: Around): void;
  /** Runs in the place of the bundle definitions in force. */
  setBundles(bundles: readonly Bundle[]): void;
  setReach(reach: ReachStep): void;
  [Symbol.asyncDispose](): Promise<void>;
}

export interface BetweenLedgers {
  leave(): Promise<void>;
  enter(ledger: Ledger): Promise<void>;
}

/** One call that leaves the engine. */
export interface OutwardCall {
  readonly part: 'ledger' | 'backend' | 'audit';
  readonly method: string;
}

export type Around = (call: OutwardCall, proceed: () => Promise<unknown>) => Promise<unknown>;

export interface WorldOptions {
  readonly bundles?: readonly Bundle[];
  readonly settings?: Partial<LeaseSettings>;
  /** How many share the ledger; 1 when left out. */
  readonly replicas?: number;
  readonly advertised?: boolean;
  readonly admission?: { readonly concurrency: number; readonly queue: number };
}

/** Time passes here by the clock of the test, and a change must not wait for the other one. */
const ownTime = { patienceMs: 0 };

export async function createWorld(options: WorldOptions = {}): Promise<World> {
  let bundles = options.bundles ?? [dbBundle, kvBundle];
  // In memory: each change is synced, and here all time is the test's own.
  const folder = await createTempFolder({ parent: '/dev/shm' });
  const clock = createManualClock();
  const backend = createMemoryBackend({
    clock,
    dynamic: { 'database/creds/app': {} },
    secrets: { 'secret/data/api': { key: 'canary-v1' } },
  });
  let file = `${folder.path}/ledger.sqlite`;
  let ledger = await openSqliteLedger({ ...ownTime, file, log: silentLog });
  const records: AuditEvent[] = [];
  let around: Around = (_call, proceed) => proceed();
  const within = <T extends object>(part: OutwardCall['part'], target: T): T =>
    surrounded(target, (method, proceed) => around({ part, method }, proceed));
  let auditBroken = false;
  let auditRoom = true;
  let auditHook: (event: AuditEvent) => Promise<void> | void = () => undefined;
  let ledgerHook: (method: string) => Promise<void> | void = () => undefined;
  const audit: Audit = {
    record: async (event) => {
      if (auditBroken) throw new LeaseholdError('audit_unavailable');
      await auditHook(event);
      records.push(event);
    },
    recordAnyway: (event) => anyway((one) => audit.record(one))(event),
    owed: () => 0,
    hasRoom: () => auditRoom,
    takesRecords: () => !auditBroken,
    recordStranger: async (event) => void records.push(event),
    hmac: (reference) => `hmac-${reference.length}`,
    [Symbol.asyncDispose]: async () => undefined,
  };
  let granted = true;
  const policyListeners = new Set<() => void>();
  const policy: PolicySource = {
    revision: 'r1',
    bundle: (name) => bundles.find((bundle) => bundle.name === name),
    bundles: () => bundles,
    decide: (_identity, name): Decision => {
      const bundle = bundles.find((one) => one.name === name);
      if (bundle === undefined) return { allowed: false, code: 'bundle_unknown', rule: undefined, trace: [] };
      return granted
        ? { allowed: true, bundle, rule: 'all', maxSeconds: bundle.maxSeconds, deliver: 'always', trace: [] }
        : { allowed: false, code: 'not_granted', rule: undefined, trace: [] };
    },
    bundlesForRun: () => ({ bundles: bundles.map(({ name }) => name), refused: [] }),
    runGrants: () => [],
    subscribe: (listener) => {
      policyListeners.add(listener);
      return () => void policyListeners.delete(listener);
    },
  };
  const known = new Map<string, WorkloadState>();
  const stateListeners = new Set<(workload: string, state: WorkloadState) => void>();
  const states: WorkloadStates = {
    state: (workload) => known.get(workload) ?? { phase: 'running', freshness: 'fresh' },
    subscribe: (listener) => {
      stateListeners.add(listener);
      return () => void stateListeners.delete(listener);
    },
  };
  let reach: ReachStep = () => undefined;
  const cuts = new Set<number>();
  const backendCuts = new Map<number, 'refused' | 'silent'>();
  const cutBackendOf = (index: number, stopped: AbortSignal): MemoryBackend =>
    surrounded(backend, (_method, proceed) => {
      const how = backendCuts.get(index);
      if (how === 'refused') return Promise.reject(new LeaseholdError('backend_unavailable'));
      return how === undefined ? proceed() : silence(clock, stopped);
    });
  const auditCuts = new Set<number>();
  /** As the real one: it knows that its log is gone when it could not write. */
  const auditOf = (index: number): Audit => {
    let isWritten = true;
    let owed = 0;
    const record: Audit['record'] = async (event) => {
      isWritten = !auditCuts.has(index);
      if (!isWritten) throw new LeaseholdError('audit_unavailable');
      await audit.record(event);
    };
    const recordAnyway: Audit['recordAnyway'] = async (event) => {
      const isDurable = await anyway(record)(event);
      // Nobody pays it here, so it is owed for the whole life.
      if (!isDurable) owed += 1;
      return isDurable;
    };
    return {
      ...audit,
      record,
      recordAnyway,
      owed: () => owed + (auditRoom ? 0 : 8_000),
      takesRecords: () => isWritten,
    };
  };
  const start = (index: number, stop: AbortController) =>
    startLeaseEngine({
      ledger: within(
        'ledger',
        hooked(ledger, (method) => {
          if (stop.signal.aborted || cuts.has(index)) throw new LeaseholdError('ledger_unavailable');
          return ledgerHook(method);
        }),
      ),
      backend: within('backend', cutBackendOf(index, stop.signal)),
      policy,
      states,
      audit: within('audit', auditOf(index)),
      admission: createAdmission({
        concurrency: 8,
        queue: 100,
        ...options.admission,
        maxWaitMs: 5_000,
        clock,
      }),
      clock,
      log: silentLog,
      replica: randomId('rep_'),
      advertised: options.advertised === false ? {} : { pod: `b${index}:1`, run: `b${index}:2` },
      settings: { ...defaultLeaseSettings, sweepMs: 5_000, ...options.settings },
      random: () => 0.5,
      randomId,
      reach: (step, subject) => reach(step, subject),
      signal: stop.signal,
    });
  let copies = 0;
  const running: { stop: AbortController; engine: LeaseEngine }[] = [];
  for (let index = 0; index < (options.replicas ?? 1); index += 1) {
    const stop = new AbortController();
    running.push({ stop, engine: await start(index, stop) });
  }
  const at = (index: number) => {
    const found = running[index];
    if (found === undefined) throw new RangeError(`no replica ${index}`);
    return found;
  };
  const end = async (index: number) => {
    const gone = at(index).engine[Symbol.asyncDispose]();
    // What it waits for may need time to pass.
    const passing = setInterval(() => clock.advance(1_000), 1);
    await gone;
    clearInterval(passing);
  };
  const settle = async () => {
    for (let turn = 0; turn < 60; turn += 1) await new Promise((resolve) => setImmediate(resolve));
  };

  return {
    clock,
    backend,
    get ledger() {
      return ledger;
    },
    records,
    engine: (index = 0) => at(index).engine,
    kill: async (index) => {
      at(index).stop.abort();
      await end(index);
    },
    leave: end,
    cut: (index, isCut) => {
      if (isCut) cuts.add(index);
      else cuts.delete(index);
    },
    cutBackend: (index, how) => {
      if (how === undefined) backendCuts.delete(index);
      else backendCuts.set(index, how);
    },
    cutAudit: (indexes, isCut) => {
      for (const index of indexes) {
        if (isCut) auditCuts.add(index);
        else auditCuts.delete(index);
      }
    },
    copyLedger: async () => {
      copies += 1;
      const copy = `${folder.path}/copy-${copies}.sqlite`;
      await copyFile(file, copy);
      await copyFile(`${file}-wal`, `${copy}-wal`);
      return copy;
    },
    restore: async (copy, between) => {
      at(0).stop.abort();
      await end(0);
      await between?.leave();
      await ledger[Symbol.asyncDispose]();
      file = copy;
      ledger = await openSqliteLedger({ ...ownTime, file, log: silentLog });
      await between?.enter(ledger);
      const stop = new AbortController();
      running[0] = { stop, engine: await start(0, stop) };
    },
    restart: async () => {
      at(0).stop.abort();
      await end(0);
      const stop = new AbortController();
      running[0] = { stop, engine: await start(0, stop) };
    },
    holder: async (verified = aVerified(), { mayOpen = true, at: index = 0 } = {}) => {
      const messages: HolderMessage[] = [];
      const attachment = await at(index).engine.sessions.attach({
        verified,
        mayOpen,
        send: (message) => void messages.push(copied(message)),
      });
      const holder: Holder = {
        attachment,
        messages,
        last: (kind) => {
          const found = messages.filter((message) => message.kind === kind).at(-1);
          // Proven by the filter above; the compiler does not follow the generic kind.
          return found as Extract<HolderMessage, { kind: typeof kind }> | undefined;
        },
        take: async (bundle) => {
          await attachment.open(
            { bundle, requestKey: randomId('req_'), resume: undefined },
            { signal: new AbortController().signal },
          );
          const generation = holder.last('generation');
          if (generation !== undefined)
            await attachment.delivered({
              session: generation.session,
              generation: generation.generation.id,
            });
        },
        login: () => {
          const generation = messages
            .filter((message) => message.kind === 'generation')
            .findLast((message) =>
              message.secrets.some(({ name, fields }) => name === 'login' && fields !== undefined),
            );
          const fields = generation?.secrets.find(({ name }) => name === 'login')?.fields;
          const text = (name: string) => Buffer.from(fields?.get(name)?.open() ?? []).toString();
          return { username: text('username'), password: text('password') };
        },
      };
      return holder;
    },
    pass: async (ms) => {
      // In small steps, so that what a timer starts is finished before the next one fires.
      const step = Math.min(5_000, Math.max(250, ms / 200));
      for (let left = ms; left > 0; left -= step) {
        clock.advance(Math.min(step, left));
        await settle();
      }
    },
    settle,
    setState: (workload, state) => {
      known.set(workload, state);
      for (const listener of stateListeners) listener(workload, state);
    },
    grant: (allowed) => {
      granted = allowed;
      for (const listener of policyListeners) listener();
    },
    setAuditBroken: (broken) => void (auditBroken = broken),
    setAuditRoom: (room) => void (auditRoom = room),
    setAudit: (hook) => void (auditHook = hook),
    setLedger: (hook) => void (ledgerHook = hook),
    setAround: (next) => void (around = next),
    setBundles: (next) => {
      bundles = next;
      for (const listener of policyListeners) listener();
    },
    setReach: (next) => void (reach = next),
    [Symbol.asyncDispose]: async () => {
      for (const { stop, engine } of running) {
        stop.abort();
        await engine[Symbol.asyncDispose]();
      }
      await ledger[Symbol.asyncDispose]();
      await folder[Symbol.asyncDispose]();
    },
  };
}

function anyway(record: Audit['record']): Audit['recordAnyway'] {
  return (event) =>
    record(event).then(
      () => true,
      () => false,
    );
}

/** The same with something around each of its calls that takes time. */
function surrounded<T extends object>(
  target: T,
  around: (method: string, proceed: () => Promise<unknown>) => Promise<unknown>,
): T {
  return new Proxy(target, {
    get: (from, key) => {
      const member: unknown = Reflect.get(from, key);
      if (typeof member !== 'function' || typeof key !== 'string' || instant.has(key)) return member;
      return (...args: readonly unknown[]): Promise<unknown> =>
        around(key, async () => Reflect.apply(member, from, args) as unknown);
    },
  });
}

/** As long as a real client waits for an answer that does not come. */
async function silence(clock: ManualClock, stopped: AbortSignal): Promise<never> {
  await clock.sleep(92_000, stopped);
  throw new LeaseholdError('backend_timeout');
}

/** Methods that answer at once, without leaving the process. */
const instant: ReadonlySet<string> = new Set(['now', 'hmac', 'subscribe', 'owed', 'hasRoom', 'takesRecords']);

/** The same ledger with the hook in front of every call. */
function hooked(ledger: Ledger, hook: (method: string) => Promise<void> | void): Ledger {
  return new Proxy(ledger, {
    get: (target, key) => {
      const member: unknown = Reflect.get(target, key);
      if (typeof member !== 'function' || typeof key !== 'string') return member;
      return async (...args: readonly unknown[]): Promise<unknown> => {
        await hook(key);
        return Reflect.apply(member, target, args);
      };
    },
  });
}

/** The bytes are overwritten once all holders have them; a real stream has written them out by then. */
function copied(message: HolderMessage): HolderMessage {
  if (message.kind !== 'generation') return message;
  return {
    ...message,
    secrets: message.secrets.map(({ name, fields }) => ({
      name,
      fields:
        fields === undefined
          ? undefined
          : new Map(
              [...fields].map(([field, secret]) => [field, Secret.ofBytes(Uint8Array.from(secret.open()))]),
            ),
    })),
  };
}
