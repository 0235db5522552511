import { appendFileSync, writeSync } from 'node:fs';
import type { Audit } from '../../../src/audit/audit.ts';
import { openLedger } from '../../../src/broker/open-ledger.ts';
import { createAdmission } from '../../../src/backend/admission.ts';
import { createVaultBackend } from '../../../src/backend/vault/vault-backend.ts';
import type { WorkloadStates } from '../../../src/identity/identity.ts';
import { type LeaseEngine, startLeaseEngine } from '../../../src/lease/engine.ts';
import type { Attachment, HolderMessage } from '../../../src/lease/sessions.ts';
import { defaultLeaseSettings } from '../../../src/lease/settings.ts';
import type { Step } from '../../../src/lease/steps.ts';
import type { Ledger } from '../../../src/ledger/ledger.ts';
import { systemClock } from '../../../src/platform/clock.ts';
import { type ErrorCode, LeaseholdError } from '../../../src/platform/error.ts';
import { silentLog } from '../../../src/platform/log.ts';
import { randomId } from '../../../src/platform/random-id.ts';
import type { Bundle } from '../../../src/policy/bundle.ts';
import { createFixedPolicy } from '../../../src/policy/policy-cell.ts';
import { aPod, aVerified, dbBundle } from '../../unit/lease/world.ts';
import {
  type Command,
  type FromChild,
  type HolderEvent,
  type KnownSession,
  timing,
  type ToChild,
} from './crash-messages.ts';
import { type BackendCall, createRemoteBackend } from './remote-backend.ts';

/*
 * A broker's session engine as a process of its own, with its ledger in a file or a database, and its backend in the parent, which survives it, or in a Vault. At the step
 * that it is armed for the whole process stands still, in the middle of that turn, until it is killed.
 */

type StartCommand = Extract<Command, { readonly kind: 'start' }>;

const forever = new AbortController().signal;
const never = new Int32Array(new SharedArrayBuffer(4));
const waiting = new Map<number, PromiseWithResolvers<unknown>>();
const attachments = new Map<string, Attachment>();
let lastId = 0;
let armed: { readonly step: Step; left: number } | undefined;
let holders: readonly string[] = [];
let running: { readonly engine: LeaseEngine; readonly ledger: Ledger } | undefined;

function tell(message: FromChild): void {
  process.send?.(message);
}

function reach(step: Step): void {
  if (armed?.step !== step) return;
  armed.left -= 1;
  if (armed.left > 0) return;
  writeSync(1, `stopped ${step}\n`);
  Atomics.wait(never, 0, 0);
}

function askParent(call: BackendCall): Promise<unknown> {
  lastId += 1;
  const answer = Promise.withResolvers<unknown>();
  waiting.set(lastId, answer);
  tell({ from: 'backend', id: lastId, call });
  return answer.promise;
}

function bundleOf({ times, vault }: StartCommand): Bundle {
  const bundle = {
    ...dbBundle,
    ttlSeconds: times.ttlSeconds,
    overlapSeconds: timing.overlapSeconds,
    maxSeconds: 600,
  };
  if (vault === undefined) return bundle;
  const { tokenRole, path } = vault;
  const secrets = bundle.secrets.map((secret) => (secret.kind === 'leased' ? { ...secret, path } : secret));
  return { ...bundle, tokenRole, secrets };
}

async function start(command: StartCommand): Promise<void> {
  const { store, vault } = command;
  const bundle = bundleOf(command);
  const ledger = await openLedger(store, { clock: systemClock, log: silentLog, signal: forever });
  const states: WorkloadStates = {
    state: () => ({ phase: 'running', freshness: 'fresh' }),
    subscribe: () => () => undefined,
  };
  const audit: Audit = {
    record: async () => undefined,
    recordAnyway: async ({ action, leaseSet, session }) => {
      // Written when this returns, as a record that is durable, whatever becomes of the process.
      if (action === 'settle') appendFileSync(command.recorded, `${leaseSet ?? ''}\n`);
      if (action === 'revoke') appendFileSync(command.recorded, `${session ?? ''}\n`);
      return true;
    },
    owed: () => 0,
    hasRoom: () => true,
    takesRecords: () => true,
    recordStranger: async () => undefined,
    hmac: (reference) => `hmac-${reference.length}`,
    [Symbol.asyncDispose]: async () => undefined,
  };
  const policy = createFixedPolicy({
    bundles: new Map([[bundle.name, bundle]]),
    grants: [{ name: 'all', effect: 'allow', bundles: ['*'], pods: { cluster: ['*'], namespace: ['*'] } }],
  });
  const engine = await startLeaseEngine({
    ledger,
    backend:
      vault === undefined
        ? createRemoteBackend(askParent)
        : await createVaultBackend({ config: vault.config, clock: systemClock, log: silentLog }),
    policy,
    states,
    audit,
    admission: createAdmission({ concurrency: 8, queue: 100, maxWaitMs: 5_000, clock: systemClock }),
    clock: systemClock,
    log: silentLog,
    replica: randomId('rep_'),
    advertised: {},
    settings: {
      ...defaultLeaseSettings,
      reattachGraceMs: timing.reattachGraceMs,
      retryMinMs: 50,
      retryMaxMs: 400,
      sweepMs: 500,
    },
    random: Math.random,
    randomId,
    reach,
    signal: forever,
  });
  running = { engine, ledger };
}

function eventOf(message: HolderMessage): HolderEvent | undefined {
  switch (message.kind) {
    case 'opened':
      return { kind: 'opened', session: message.session, resumed: message.resumed };
    case 'generation': {
      const fields = message.secrets.find(({ name }) => name === 'login')?.fields;
      const text = (name: string) => Buffer.from(fields?.get(name)?.open() ?? []).toString();
      const login =
        fields === undefined ? undefined : { username: text('username'), password: text('password') };
      return { kind: 'generation', session: message.session, generation: message.generation.id, login };
    }
    case 'refused':
      return { kind: 'refused', code: message.code, retryAfterMs: message.retryAfterMs };
    case 'revoked':
      return { kind: 'revoked', session: message.session, mayReopen: message.mayReopen };
    default:
      return undefined;
  }
}

async function attach({ engine }: { readonly engine: LeaseEngine }, holder: string): Promise<void> {
  const attachment = await engine.sessions.attach({
    verified: aVerified(aPod(), holder, holders),
    mayOpen: true,
    send: (message) => {
      const event = eventOf(message);
      if (event !== undefined) tell({ from: 'holder', holder, event });
    },
  });
  attachments.set(holder, attachment);
}

async function knownSessions({ ledger }: { readonly ledger: Ledger }): Promise<readonly KnownSession[]> {
  const known: KnownSession[] = [];
  for (const { id } of await ledger.listSessions({ limit: 1_000 })) {
    const session = await ledger.findSession(id);
    if (session === undefined) continue;
    const { state, end, leaseSets } = session;
    known.push({
      id,
      state,
      reason: end?.reason,
      leaseSets: leaseSets.map((set) => ({
        id: set.id,
        state: set.state,
        credentials: set.credentials.map(({ reference, settlement }) => ({ reference, settlement })),
      })),
    });
  }
  return known;
}

async function obey(command: Command): Promise<unknown> {
  if (command.kind === 'start') {
    ({ holders } = command);
    return start(command);
  }
  if (command.kind === 'arm') {
    armed = { step: command.step, left: command.nth };
    return undefined;
  }
  if (running === undefined) throw new Error('start comes first');
  const request = { selector: { all: true }, reason: 'crash test', by: 'admin:test', dryRun: false } as const;
  switch (command.kind) {
    case 'attach':
      return attach(running, command.holder);
    case 'open':
      return attachments
        .get(command.holder)
        ?.open(
          { bundle: dbBundle.name, requestKey: randomId('req_'), resume: command.resume },
          { signal: forever },
        );
    case 'delivered':
      return attachments.get(command.holder)?.delivered(command);
    case 'rotate':
      await running.engine.admin.rotate(request);
      return undefined;
    case 'revoke':
      await running.engine.admin.revoke(request);
      return undefined;
    case 'sessions':
      return knownSessions(running);
  }
}

process.on('message', (message: ToChild) => {
  if (message.to === 'reply') {
    const answer = waiting.get(message.id);
    waiting.delete(message.id);
    // Codes come from the parent's own backend, which throws nothing else.
    if (message.code === undefined) answer?.resolve(message.value);
    else answer?.reject(new LeaseholdError(message.code as ErrorCode));
    return;
  }
  const { id, command } = message;
  obey(command).then(
    (value) => tell({ from: 'done', id, value, code: undefined }),
    (error: unknown) => {
      const { code } = LeaseholdError.from(error);
      if (code === 'internal') process.stderr.write(`${String(error)}\n`);
      tell({ from: 'done', id, value: undefined, code });
    },
  );
});
process.on('disconnect', () => process.exit(0));
