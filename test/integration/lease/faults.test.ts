import { describe, expect, it } from 'vitest';
import { LeaseholdError } from '../../../src/platform/error.ts';
import { seeded } from './crash-plan.ts';
import {
  aPod,
  aVerified,
  createWorld,
  dbBundle,
  type Holder,
  type OutwardCall,
  type World,
} from '../../unit/lease/world.ts';

/*
 * Every call that the engine makes of its ledger, its backend and its audit log in an issue, a renewal, a rotation and a revocation, each with
 * each fault. LEASEHOLD_FAULT_ROUNDS: how many (`all`); LEASEHOLD_FAULT_SEED: which ones. Time is the test's own.
 */
const seed = Number(process.env['LEASEHOLD_FAULT_SEED'] ?? 20_260_101);
const wanted = process.env['LEASEHOLD_FAULT_ROUNDS'] ?? '40';

const operations = ['issue', 'renew', 'rotate', 'revoke', 'end'] as const;
type Operation = (typeof operations)[number];

const faults = ['error', 'lost reply', 'delay', 'duplicate'] as const;
type Fault = (typeof faults)[number];

const bundle = { ...dbBundle, ttlSeconds: 60, overlapSeconds: 10, maxSeconds: 3_600 };
/** Past the probation and the backend's request limit: what is alive then is alive for good. */
const boundMs = 60_000 + 90_000 + 30_000;
const delayMs = 8_000;

const codeOf = {
  ledger: 'ledger_unavailable',
  backend: 'backend_unavailable',
  audit: 'audit_unavailable',
} as const;

/** Looks that are taken again and again, whatever is under way; the storms strike them. */
const polls: ReadonlySet<string> = new Set([
  'claimWork',
  'nextWorkAt',
  'beatReplica',
  'listHeldBy',
  'takeUnrecordedEnds',
  'listUnrecordedEnds',
]);

/** Strikes the nth of those calls, once. */
class Striker {
  readonly seen: string[] = [];
  armed: { readonly fault: Fault; left: number } | undefined;
  struck: OutwardCall | undefined;
  recording = false;
  readonly #world: World;

  constructor(world: World) {
    this.#world = world;
    world.setAround((call, proceed) => this.#around(call, proceed));
  }

  async #around(call: OutwardCall, proceed: () => Promise<unknown>): Promise<unknown> {
    if (polls.has(call.method)) return proceed();
    if (this.recording) this.seen.push(`${call.part}.${call.method}`);
    if (this.armed === undefined) return proceed();
    this.armed.left -= 1;
    if (this.armed.left > 0) return proceed();
    const { fault } = this.armed;
    this.armed = undefined;
    this.struck = call;
    switch (fault) {
      case 'error':
        throw new LeaseholdError(codeOf[call.part]);
      case 'lost reply':
        await proceed();
        throw new LeaseholdError(call.part === 'backend' ? 'backend_lost_reply' : codeOf[call.part]);
      case 'delay':
        await this.#world.clock.sleep(delayMs, new AbortController().signal);
        return proceed();
      case 'duplicate':
        await proceed();
        return proceed();
    }
  }
}

const byAdmin = { reason: 'drill', by: 'admin:a', dryRun: false, selector: { namespace: 'ml' } };

/** An answer that is a refusal is an answer: what stands afterwards is what counts. */
const whatever = (promise: Promise<unknown>) =>
  promise.then(
    () => undefined,
    () => undefined,
  );

/** What the operation is about stands before; from here on it is struck. */
async function play(world: World, operation: Operation, begin: () => void): Promise<Holder> {
  const holder = await world.holder(aVerified(aPod()));
  const step = async (work: Promise<unknown>, ms: number) => {
    await Promise.all([whatever(work), world.pass(ms)]);
  };
  if (operation !== 'issue') await holder.take('db');
  begin();
  const { admin } = world.engine();
  switch (operation) {
    case 'issue':
      await step(holder.take('db'), 2 * delayMs);
      break;
    case 'renew':
      await world.pass(45_000);
      break;
    case 'rotate':
      await step(admin.rotate(byAdmin), 2 * delayMs);
      // It may be the word of the holder that is delayed.
      await step(acknowledge(holder), 2 * delayMs);
      break;
    case 'revoke':
      // Whose command ends with an error has been told that it is not done, and gives it again.
      await step(
        admin.revoke(byAdmin).catch(() => admin.revoke(byAdmin)),
        2 * delayMs,
      );
      break;
    case 'end':
      world.setState(aPod().workload, { phase: 'ended', freshness: 'fresh' });
      await world.pass(2 * delayMs);
  }
  return holder;
}

async function acknowledge(holder: Holder): Promise<void> {
  const generation = holder.last('generation');
  if (generation === undefined) return;
  await whatever(
    holder.attachment.delivered({ session: generation.session, generation: generation.generation.id }),
  );
}

/** What is wrong once everything has had its time. */
async function problems(world: World, holder: Holder, operation: Operation): Promise<readonly string[]> {
  const found: string[] = [];
  const sessions = await world.ledger.listSessions({ limit: 100 });
  const held = sessions.filter(({ state }) => state !== 'ended');
  const known = new Set(
    held.flatMap(({ leaseSets }) =>
      leaseSets.flatMap(({ credentials }) => credentials.map(({ reference }) => reference)),
    ),
  );
  for (const { accessor } of world.backend.aliveTokens())
    if (!known.has(accessor)) found.push('a token is alive that the ledger does not hold');
  for (const { leaseId } of world.backend.aliveCredentials())
    if (leaseId === undefined || !known.has(leaseId))
      found.push('a credential is alive that the ledger does not hold');
  for (const { id, state, leaseSets } of held) {
    if (state !== 'active') found.push(`${id} is ${state}`);
    const sets = leaseSets.map((set) => set.state);
    if (sets.length !== 1 || sets[0] !== 'current') found.push(`lease sets are ${sets.join(', ')}`);
  }
  if (held.length > 1) found.push(`${held.length} sessions are held`);
  for (const message of holder.messages)
    if (message.kind === 'generation' && message.secrets.length !== bundle.secrets.length)
      found.push('a generation was half');
  const isOver = operation === 'revoke' || operation === 'end';
  if (isOver && held.length > 0) found.push('what was to end is held');
  if (isOver && holder.last('generation') !== undefined && holder.last('revoked') === undefined)
    found.push('the holder was not told');
  const { username, password } = holder.login();
  if (held.length > 0 && !world.backend.canLogin(username, password))
    found.push('the holder has a login that does not work');
  if ((operation === 'renew' || operation === 'rotate') && held.length === 0)
    found.push('the holder has lost what it had');
  return found;
}

async function callsOf(operation: Operation): Promise<number> {
  await using world = await createWorld({ bundles: [bundle] });
  const striker = new Striker(world);
  await play(world, operation, () => (striker.recording = true));
  return striker.seen.length;
}

interface Round {
  readonly operation: Operation;
  readonly fault: Fault;
  readonly nth: number;
}

async function planRounds(): Promise<readonly Round[]> {
  const all: Round[] = [];
  for (const operation of operations) {
    const calls = await callsOf(operation);
    expect(calls, operation).toBeGreaterThan(5);
    for (const fault of faults) for (let nth = 1; nth <= calls; nth += 1) all.push({ operation, fault, nth });
  }
  if (wanted === 'all') return all;
  const random = seeded(seed);
  return all
    .map((round) => ({ round, at: random() }))
    .sort((a, b) => a.at - b.at)
    .slice(0, Number(wanted))
    .map(({ round }) => round);
}

const rounds = await planRounds();

describe('one fault in any call', () => {
  it.each(rounds.map((round) => [`${round.operation}: ${round.fault} of call ${round.nth}`, round] as const))(
    '%s',
    async (_name, { operation, fault, nth }) => {
      await using world = await createWorld({ bundles: [bundle] });
      const striker = new Striker(world);
      const holder = await play(world, operation, () => (striker.armed = { fault, left: nth }));
      striker.armed = undefined;
      const struck =
        striker.struck === undefined ? 'nothing' : `${striker.struck.part}.${striker.struck.method}`;
      for (let waited = 0; waited < boundMs; waited += 20_000) {
        await world.pass(20_000);
        // As a sidecar does: what comes is acknowledged, what was refused is asked for again.
        await acknowledge(holder);
      }
      expect(await problems(world, holder, operation), `struck ${struck}`).toEqual([]);
    },
  );
});
