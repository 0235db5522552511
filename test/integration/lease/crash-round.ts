import { setTimeout as pause } from 'node:timers/promises';
import { expect } from 'vitest';
import type { Round } from './crash-plan.ts';
import type { CrashWorld } from './crash-world.ts';

/** Longest time for anything that must come to rest by itself; the machine may be busy. */
const patienceMs = 60_000;
/** For a step that the round may not come to at all. */
const reachMs = 8_000;

/** Until nothing is wrong any more; fails with what still is. */
async function eventually(problems: () => Promise<readonly string[]> | readonly string[]): Promise<void> {
  const until = performance.now() + patienceMs;
  for (;;) {
    const found = await problems();
    if (found.length === 0) return;
    if (performance.now() > until) {
      expect(found).toEqual([]);
      return;
    }
    await pause(100);
  }
}

/** Every holder has files that work, and they are the same for all. */
async function unserved(world: CrashWorld): Promise<readonly string[]> {
  const logins = new Set([...world.files.values()].map(({ login }) => login?.username));
  const broken: string[] = [];
  for (const [name, { login }] of world.files)
    if (!(await world.canLogin(login))) broken.push(`${name} has no login`);
  return logins.size > 1 ? [...broken, 'the holders have different logins'] : broken;
}

/** One session in force, with one lease set, and nothing else alive. */
async function unsettled(world: CrashWorld, inForce: 0 | 1): Promise<readonly string[]> {
  const sessions = await world.known();
  const held = sessions.filter(({ state }) => state !== 'ended');
  const problems = held.filter(({ state }) => state !== 'active').map(({ id, state }) => `${id} is ${state}`);
  if (held.length !== inForce) problems.push(`${held.length} sessions are held`);
  const sets = sessions.flatMap(({ leaseSets }) => leaseSets).filter(({ state }) => state !== 'ended');
  if (sets.length !== inForce) problems.push(`lease sets are ${sets.map(({ state }) => state).join(', ')}`);
  const known = new Set(sets.flatMap(({ credentials }) => credentials.map(({ reference }) => reference)));
  const recorded = await world.recorded();
  for (const { id, state } of sessions)
    if (state === 'ended' && !recorded.has(id))
      problems.push(`${id} has ended, and no record says who did it`);
  for (const { id, state } of sessions.flatMap(({ leaseSets }) => leaseSets))
    if (state === 'ended' && !recorded.has(id)) problems.push(`${id} has ended, and no record says so`);
  const { leases, tokens, users } = await world.alive();
  if ([leases, tokens, users].some(({ length }) => length !== inForce))
    problems.push(`${leases.length} leases, ${tokens.length} tokens and ${users.length} users are alive`);
  for (const { id } of [...leases, ...tokens])
    if (!known.has(id)) problems.push(`${id} is alive, and of no lease set`);
  return problems;
}

/** `arm` is called when the operation is about to begin, with everything in order. */
export async function beginOperation(
  { operation }: Pick<Round, 'operation'>,
  world: CrashWorld,
  arm: () => Promise<void>,
): Promise<void> {
  if (operation === 'issue') await arm();
  world.comeBack();
  if (operation === 'issue') return;
  await eventually(async () => [...(await unserved(world)), ...(await unsettled(world, 1))]);
  await arm();
  if (operation === 'rotate') world.rotate();
  if (operation === 'revoke') world.revoke();
}

async function play(round: Round, world: CrashWorld): Promise<void> {
  await world.start();
  await beginOperation(round, world, () => world.arm(round.step, round.nth));
  await world.standsStill(reachMs);
  await world.kill();
}

async function putInOrder(round: Round, world: CrashWorld): Promise<void> {
  if (!round.returning) world.forsake();
  await world.start();
  if (round.again !== undefined) {
    await world.arm(round.again, 1);
    if (round.returning) world.comeBack();
    await world.standsStill(reachMs);
    await world.kill();
    await world.start();
  }
  if (round.returning) world.comeBack();
}

/** Kills the engine where the round says, starts it again, and waits until everything is as it should be. */
export async function playRound(round: Round, world: CrashWorld): Promise<void> {
  await play(round, world);
  await putInOrder(round, world);
  await expectInOrder(round, world);
}

/** Waits until everything is as it should be after such an operation. */
export async function expectInOrder(
  round: Pick<Round, 'operation' | 'returning'>,
  world: CrashWorld,
): Promise<void> {
  if (round.operation === 'revoke') {
    await eventually(() => unsettled(world, 0));
    if (!round.returning) return;
    // What a person took back stays away, however often it is asked for.
    await eventually(() =>
      [...world.files]
        .filter(([, { refusedWith, login }]) => refusedWith !== 'tombstoned' || login !== undefined)
        .map(([name, { refusedWith }]) => `${name} was answered ${refusedWith ?? 'nothing'}`),
    );
    await eventually(() => unsettled(world, 0));
  } else if (round.returning) {
    await eventually(async () => [...(await unserved(world)), ...(await unsettled(world, 1))]);
  } else {
    await eventually(() => unsettled(world, 0));
  }
}

export const holdersOf = ({ holders }: Pick<Round, 'holders'>): readonly string[] =>
  holders === 1 ? ['pod'] : ['n1', 'n2', 'n3'];
