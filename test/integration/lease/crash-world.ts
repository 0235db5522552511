import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { LedgerConfig } from '../../../src/broker/config-ledger.ts';
import type { Step } from '../../../src/lease/steps.ts';
import { waitFor } from '../../support/parts/wait-until-ready.ts';
import { createTempFolder } from '../../support/temp-folder.ts';
import { type AliveThings, type CrashBackend, createMemoryCrashBackend } from './crash-backend.ts';
import type { HolderEvent, KnownSession, Login, OwnVault, Resume } from './crash-messages.ts';
import { type CrashProcess, startCrashProcess } from './crash-process.ts';

/** One holder, as its files stand. Outlives the engine. */
interface HolderFiles {
  resume: Resume | undefined;
  login: Login | undefined;
  refusedWith: string | undefined;
  /** Whether it asks again after a refusal or a revocation. */
  wants: boolean;
}

/** An engine that can be killed, with the backend and the holders that outlive it. */
export interface CrashWorld extends AsyncDisposable {
  readonly files: ReadonlyMap<string, HolderFiles>;
  start(): Promise<void>;
  /** Every holder attaches and opens, with what it has. */
  comeBack(): void;
  arm(step: Step, nth: number): Promise<void>;
  rotate(): void;
  revoke(): void;
  /** Asks for it until it is accepted. */
  revokeAtLast(): Promise<void>;
  /** Resolves with true when the engine stands still at the armed step, with false after a while. */
  standsStill(withinMs: number): Promise<boolean>;
  /** Ends this life and checks what it may leave behind. */
  kill(): Promise<void>;
  /** Throws for what is alive, not on record, and not about to end by itself within the probation. */
  expectBounded(): Promise<void>;
  /** Holders leave for good. */
  forsake(): void;
  known(): Promise<readonly KnownSession[]>;
  /** Lease sets whose end is in the audit log. */
  recorded(): Promise<ReadonlySet<string>>;
  /** Without the tokens that read static secrets: no session holds those, and they end at once. */
  alive(): Promise<AliveThings>;
  canLogin(login: Login | undefined): Promise<boolean>;
}

const vaultOf = ({ place }: CrashBackend): OwnVault | undefined =>
  'vault' in place ? { config: place.vault, ...place.roles } : undefined;

/**
 * The promise, for what is alive and not on record: no longer than the probation. Users of the database have no name that the ledger
 * knows, so there may be no more of them past it than there are leases on record.
 */
function expectKnown(
  { leases, tokens, users }: AliveThings,
  sessions: readonly KnownSession[],
  latest: number,
): void {
  const references = new Set(
    sessions.flatMap(({ leaseSets }) =>
      leaseSets.flatMap(({ credentials }) => credentials.map(({ reference }) => reference)),
    ),
  );
  for (const { id, expiresAt } of [...leases, ...tokens]) {
    if (!references.has(id) && expiresAt > latest)
      throw new Error(`${id} is not on record and lives ${expiresAt - latest} ms past the bound`);
  }
  const lasting = users.filter(({ expiresAt }) => expiresAt > latest).length;
  const recorded = leases.filter(({ id }) => references.has(id)).length;
  if (lasting > recorded)
    throw new Error(`${lasting} users live past the bound, and ${recorded} leases are on record`);
}

/** With a backend in memory and a SQLite file of its own where no others are given. */
export async function createCrashWorld(
  holders: readonly string[],
  given: { readonly ledger?: LedgerConfig; readonly backend?: CrashBackend } = {},
): Promise<CrashWorld> {
  // In memory: the sync of a busy disk may take longer than all the times here.
  const folder = await createTempFolder({ name: 'crash', parent: '/dev/shm' });
  const store = given.ledger ?? { sqlite: { file: join(folder.path, 'ledger.sqlite') } };
  const backend = given.backend ?? createMemoryCrashBackend();
  const memory = 'memory' in backend.place ? backend.place.memory : undefined;
  const files = new Map(
    holders.map((name): [string, HolderFiles] => [
      name,
      { resume: undefined, login: undefined, refusedWith: undefined, wants: true },
    ]),
  );
  let process: CrashProcess | undefined;

  const current = (): CrashProcess => {
    if (process === undefined) throw new Error('the engine is not running');
    return process;
  };
  /** The answer may never come: the engine is killed in the middle of most commands. */
  const order = (command: Parameters<CrashProcess['command']>[0]) => {
    current()
      .command(command)
      .catch(() => undefined);
  };
  const askAgain = (holder: string, own: HolderFiles, life: CrashProcess) => {
    void pause(150).then(() => {
      if (process === life && own.wants) order({ kind: 'open', holder, resume: own.resume });
    });
  };

  const onEvent = (holder: string, event: HolderEvent) => {
    const own = files.get(holder);
    const life = process;
    if (own === undefined || life === undefined) return;
    switch (event.kind) {
      case 'opened':
        own.refusedWith = undefined;
        if (event.resumed && own.resume !== undefined) order({ kind: 'delivered', holder, ...own.resume });
        return;
      case 'generation':
        own.login = event.login ?? own.login;
        own.resume = { session: event.session, generation: event.generation };
        order({ kind: 'delivered', holder, ...own.resume });
        return;
      case 'refused':
        own.refusedWith = event.code;
        if (event.code === 'tombstoned') own.login = own.resume = undefined;
        else askAgain(holder, own, life);
        return;
      case 'revoked':
        if (own.resume?.session === event.session) own.login = own.resume = undefined;
        askAgain(holder, own, life);
        return;
    }
  };

  const alive = async (): Promise<AliveThings> => {
    const { tokens, ...rest } = await backend.alive();
    return { ...rest, tokens: tokens.filter(({ intent }) => !intent.startsWith('read_')) };
  };

  /** Without an instant: what was made until it was looked at. */
  const expectBoundedBy = async (instant?: number) => {
    // In this order: what the engine makes meanwhile is on record before it is looked for.
    const seen = await backend.alive();
    const since = instant ?? Date.now();
    const latest = since + backend.times.probationSeconds * 1000 + backend.slackMs;
    expectKnown(seen, await current().sessions(), latest);
  };

  const recorded = join(folder.path, 'recorded');
  await writeFile(recorded, '');
  let diedAt: number | undefined;
  const start = async () => {
    const life = startCrashProcess({ backend: memory, onEvent });
    process = life;
    const { times } = backend;
    await life.command({ kind: 'start', store, holders, recorded, times, vault: vaultOf(backend) });
    if (diedAt !== undefined) await expectBoundedBy(diedAt);
  };
  return {
    files,
    start,
    comeBack: () => {
      const life = current();
      for (const [holder, own] of files) {
        life
          .command({ kind: 'attach', holder })
          .then(() => order({ kind: 'open', holder, resume: own.resume }))
          .catch(() => askAgain(holder, own, life));
      }
    },
    arm: (step, nth) => current().command({ kind: 'arm', step, nth }),
    rotate: () => order({ kind: 'rotate' }),
    revoke: () => order({ kind: 'revoke' }),
    revokeAtLast: () =>
      waitFor('the revocation to be accepted', () =>
        current()
          .command({ kind: 'revoke' })
          .then(
            () => true,
            () => false,
          ),
      ),
    expectBounded: () => expectBoundedBy(),
    standsStill: (withinMs) =>
      Promise.race([current().stopped.then(() => true), pause(withinMs, false, { ref: false })]),
    kill: async () => {
      const life = current();
      process = undefined;
      await life.kill();
      diedAt = Date.now();
    },
    forsake: () => {
      for (const own of files.values()) own.wants = false;
    },
    known: () => current().sessions(),
    recorded: async () => new Set((await readFile(recorded, 'utf8')).split('\n')),
    alive,
    canLogin: async (login) => login !== undefined && (await backend.canLogin(login)),
    [Symbol.asyncDispose]: async () => {
      await process?.kill();
      await folder[Symbol.asyncDispose]();
    },
  };
}
