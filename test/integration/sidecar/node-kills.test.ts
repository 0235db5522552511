import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { systemCode } from '../../../src/platform/small-file.ts';
import { startAnsweringBroker, type AnsweringBroker } from './answering-broker.ts';
import { createNodeWorld, type AgentProcess, type NodeWorld } from './node-world.ts';

const patience = { timeout: 120_000, interval: 20 };
const program = join(import.meta.dirname, '../../../src/main.ts');
const command = [process.execPath, '--import', join(import.meta.dirname, 'die-at-step.ts'), program];
const bundle = 'run/runs/7-1700000000/db';

interface Node {
  readonly broker: AnsweringBroker;
  readonly world: NodeWorld;
  readonly agent: AgentProcess;
  /** From now on the agent counts its changes to the file system, and kills itself before the one that is this step. */
  willDie(): Promise<void>;
  /** Whether it did, or what was done was done. */
  diesBefore(done: Promise<unknown>): Promise<boolean>;
}

/** Each step on a node of its own, two at a time, until one is not reached. Returns how many there were. */
async function atEachStep(work: (node: Node) => Promise<boolean>): Promise<number> {
  for (let step = 1; ; step += 2) {
    const wasReached = await Promise.all([atStep(step, work), atStep(step + 1, work)]);
    if (wasReached.includes(false)) return step;
  }
}

async function atStep(step: number, work: (node: Node) => Promise<boolean>): Promise<boolean> {
  await using broker = await startAnsweringBroker();
  await using world = await createNodeWorld(broker.at, undefined, undefined, command);
  const agent = await world.start();
  const node: Node = {
    broker,
    world,
    agent,
    willDie: () => writeFile(world.path('die-at'), String(step)),
    diesBefore: async (done) => {
      const end = await Promise.race([agent.exit, done.then(() => 'done')]);
      await rm(world.path('die-at'));
      if (end !== 'done') expect(end).toBe('SIGKILL');
      return end !== 'done';
    },
  };
  try {
    return await work(node);
  } catch (error) {
    throw new Error(`killed before change ${step}\n${agent.output()}`, { cause: error });
  }
}

/** As the C program asks: a connection that breaks is no answer, and then its agent has died. */
async function ask(world: NodeWorld, verb: string, agent?: AgentProcess): Promise<string> {
  const answer = await world.hook(verb).catch(() => '');
  if (answer === '') await agent?.exit;
  return answer;
}

/** What stands in the folder of the bundle: all of one generation, or nothing. */
function standing(node: Node): 'nothing' | readonly string[] {
  const before = current(node);
  const found = read(node);
  // The agent that was started again may show the next one between two reads: then what was read is of no one moment.
  if (current(node) !== before) return standing(node);
  if (found.every((text) => text === undefined)) return 'nothing';
  const number = found[2] ?? '';
  expect(found).toEqual([`user-${number}`, `password-${number}`, number]);
  expect(Number(number)).toBeLessThanOrEqual(Number(node.broker.login().user.split('-')[1]));
  return found.filter((text) => text !== undefined);
}

function current({ world }: Node): string | undefined {
  return unlessAbsent(() => readlinkSync(world.path(`${bundle}/..data`)));
}

function read({ world }: Node): readonly (string | undefined)[] {
  const text = (name: string) => unlessAbsent(() => readFileSync(world.path(`${bundle}/${name}`), 'utf8'));
  return [text('user.txt'), text('password.txt'), text('generation')?.split(' ')[0]];
}

function unlessAbsent(work: () => string): string | undefined {
  try {
    return work();
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}

function expectMarkerRight(node: Node): void {
  const marker = node.world.marker();
  const files = standing(node);
  // An agent that ends the run takes the marker away, and then the files.
  if (node.world.marker() !== marker) {
    expectMarkerRight(node);
    return;
  }
  if (marker?.includes('state=delivered\n') === true) expect(files).not.toBe('nothing');
  // Never half a marker: its last line is there.
  if (marker !== undefined) expect(marker).toMatch(/^leasehold=1\n(.*\n)*(dir|why)=.*\n$/);
}

/** Nothing half is left by the next process, beside what it is just writing itself. */
async function expectSwept({ world }: Node): Promise<void> {
  const names = (path: string) => readdirSync(world.path(path)).filter((name) => name.startsWith('.'));
  await vi.waitFor(() => expect(['run', 'run/jobs', 'run/state'].flatMap(names)).toEqual([]), patience);
}

async function expectServed(node: Node): Promise<void> {
  const { user } = node.broker.login();
  await vi.waitFor(() => expect(standing(node)).toContain(user), patience);
  await vi.waitFor(() => expect(node.world.marker()).toContain('state=delivered\n'), patience);
  const generations = () => readdirSync(node.world.path(bundle)).filter((name) => /^\.\.\d/.test(name));
  await vi.waitFor(() => expect(generations()).toHaveLength(1), patience);
}

async function expectNothingLeft({ world, broker }: Node): Promise<void> {
  for (const folder of ['run/runs', 'run/jobs']) expect(await readdir(world.path(folder))).toEqual([]);
  await vi.waitFor(async () => expect(await readdir(world.path('run/state'))).toEqual([]), patience);
  await vi.waitFor(() => expect(broker.wiped.size).toBeGreaterThan(0), patience);
}

describe('an agent that is killed at any step', () => {
  it('of a prolog and a delivery has all of the files or none, and serves the prolog when it is asked again', async () => {
    const steps = await atEachStep(async (node) => {
      const { world } = node;
      await node.willDie();
      const isKilled = await node.diesBefore(ask(world, 'prolog', node.agent));
      if (!isKilled) return false;
      expectMarkerRight(node);
      await world.start();
      await expectSwept(node);
      expectMarkerRight(node);
      expect(await ask(world, 'prolog')).toBe('OK\n');
      await expectServed(node);
      expect(await ask(world, 'epilog')).toBe('OK\n');
      await expectNothingLeft(node);
      return true;
    });
    expect(steps).toBeGreaterThan(20);
  }, 1_800_000);

  it('of a rotation has the generation before or the new one, whole, and comes to the new one', async () => {
    const steps = await atEachStep(async (node) => {
      const { world, broker } = node;
      expect(await ask(world, 'prolog')).toBe('OK\n');
      await node.willDie();
      broker.rotate();
      const rotated = vi.waitFor(() => expect(broker.delivered).toHaveLength(2), patience);
      const isKilled = await node.diesBefore(rotated);
      if (!isKilled) return false;
      rotated.catch(() => undefined);
      expect(standing(node)).not.toBe('nothing');
      expect(world.marker()).toContain('state=delivered\n');
      await world.start();
      await expectSwept(node);
      expect(standing(node)).not.toBe('nothing');
      await expectServed(node);
      expect(await ask(world, 'epilog')).toBe('OK\n');
      await expectNothingLeft(node);
      return true;
    });
    expect(steps).toBeGreaterThan(10);
  }, 1_800_000);

  it('of a revocation promises no file that is gone, though no broker is there to say so again', async () => {
    const steps = await atEachStep(async (node) => {
      const { world, broker } = node;
      expect(await ask(world, 'prolog')).toBe('OK\n');
      await node.willDie();
      broker.revoke();
      const marked = vi.waitFor(() => expect(world.marker()).toContain('state=failed\n'), patience);
      const isKilled = await node.diesBefore(marked);
      marked.catch(() => undefined);
      if (!isKilled) return false;
      await broker[Symbol.asyncDispose]();
      await world.start();
      await vi.waitFor(() => expectMarkerRight(node), patience);
      await expectSwept(node);
      expect(await ask(world, 'epilog')).toBe('OK\n');
      for (const folder of ['run/runs', 'run/jobs']) expect(await readdir(world.path(folder))).toEqual([]);
      return true;
    });
    expect(steps).toBeGreaterThan(5);
  }, 1_800_000);

  it('of an epilog leaves nothing once it is asked again', async () => {
    const steps = await atEachStep(async (node) => {
      const { world } = node;
      expect(await ask(world, 'prolog')).toBe('OK\n');
      await node.willDie();
      const isKilled = await node.diesBefore(ask(world, 'epilog', node.agent));
      if (!isKilled) return false;
      expectMarkerRight(node);
      await world.start();
      await expectSwept(node);
      expectMarkerRight(node);
      expect(await ask(world, 'epilog')).toBe('OK\n');
      await expectNothingLeft(node);
      return true;
    });
    expect(steps).toBeGreaterThan(5);
  }, 1_800_000);
});
