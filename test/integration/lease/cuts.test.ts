import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, it } from 'vitest';
import { defaultPool } from '../../../src/ledger/postgres/postgres-config.ts';
import { type ByteCutter, type Direction, startByteCutter } from '../../support/byte-cutter.ts';
import { describeWith } from '../../support/require.ts';
import { createTempFolder, type TempFolder } from '../../support/temp-folder.ts';
import { type Operation, operations, seeded } from './crash-plan.ts';
import { beginOperation, expectInOrder, holdersOf } from './crash-round.ts';
import { type CrashVault, startCrashVault } from './crash-vault.ts';
import { createCrashWorld } from './crash-world.ts';

/*
 * The connection to Vault, or to PostgreSQL with the ledger in it, breaks at any byte of what goes or comes, in the middle of each operation.
 * The engine lives on, and nothing may be alive that it does not know for longer than the probation.
 * LEASEHOLD_CRASH_ROUNDS: how many (`all`: 400); LEASEHOLD_CRASH_SEED: which ones.
 */
const seed = Number(process.env['LEASEHOLD_CRASH_SEED'] ?? 20_260_404);
const wanted = process.env['LEASEHOLD_CRASH_ROUNDS'] ?? '5';
const count = wanted === 'all' ? 400 : Number(wanted);
/** Longest time until that byte has come: a lease in force is renewed every few seconds. */
const reachMs = 60_000;

interface Round {
  readonly operation: Operation;
  readonly server: 'vault' | 'ledger';
  readonly direction: Direction;
  readonly bytes: number;
  readonly holders: 1 | 3;
}

/** About what an operation moves, so that all of its calls are hit. */
const span = {
  vault: { request: 4_000, reply: 6_000 },
  ledger: { request: 16_000, reply: 6_000 },
} as const;

function planCuts(): readonly Round[] {
  const random = seeded(seed);
  return Array.from({ length: count }, (_, nth): Round => {
    const server = nth % 2 === 0 ? 'vault' : 'ledger';
    const direction = random() < 0.5 ? 'request' : 'reply';
    const operation = operations[Math.floor(random() * operations.length)] ?? 'issue';
    const bytes = Math.floor(random() * span[server][direction]);
    return { operation, server, direction, bytes, holders: random() < 0.7 ? 1 : 3 };
  });
}

const rounds = planCuts();

describeWith(['vault', 'postgres'], `connections that are cut (seed ${seed})`, () => {
  let vault: CrashVault;
  let folder: TempFolder;
  let passwordFile: string;
  beforeAll(async () => {
    vault = await startCrashVault(rounds.length, 'vault');
    folder = await createTempFolder({ name: 'cuts' });
    passwordFile = join(folder.path, 'password');
    await writeFile(passwordFile, vault.parts.postgres.connection.password, { mode: 0o600 });
  });
  afterAll(async () => {
    await vault[Symbol.asyncDispose]();
    await folder.remove();
  });

  const portOf = ({ server }: Round): number =>
    server === 'vault'
      ? Number(new URL(vault.parts.vault.address).port)
      : vault.parts.postgres.connection.port;
  const worldOf = (round: Round, nth: number, cutter: ByteCutter) => {
    if (round.server === 'vault')
      return createCrashWorld(holdersOf(round), {
        backend: vault.backend(nth, { address: `http://127.0.0.1:${cutter.port}` }),
      });
    const { host, user, database } = vault.parts.postgres.connection;
    const config = { host, user, database, passwordFile, port: cutter.port, schema: `cuts_${nth}` };
    return createCrashWorld(holdersOf(round), {
      backend: vault.backend(nth),
      ledger: { postgres: { ...config, tls: { mode: 'disable' }, pool: { ...defaultPool, size: 4 } } },
    });
  };

  describe('leave nothing unknown', { concurrent: true }, () => {
    it.each(
      rounds.map((round, nth) => {
        const { operation, server, direction, bytes, holders } = round;
        return { name: `${operation}: ${direction} byte ${bytes} of the ${server}, ${holders}`, round, nth };
      }),
    )('$name', async ({ round, nth }) => {
      await using cutter = await startByteCutter({ port: portOf(round) });
      await using world = await worldOf(round, nth, cutter);
      await world.start();
      let cut: Promise<void> | undefined;
      await beginOperation(round, world, async () => {
        cut = cutter.cutAfter(round, { signal: AbortSignal.timeout(reachMs) });
      });
      await cut;
      await world.expectBounded();
      // Whoever was refused meanwhile asks again, as sidecars and people do.
      if (round.operation === 'revoke') await world.revokeAtLast();
      world.comeBack();
      await expectInOrder({ ...round, returning: true }, world);
      await world.expectBounded();
    });
  });
});
