import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { createMemoryBackend } from '../../../src/backend/memory/memory-backend.ts';
import type { LedgerConfig } from '../../../src/broker/config-ledger.ts';
import type { Step } from '../../../src/lease/steps.ts';
import { systemClock } from '../../../src/platform/clock.ts';
import { createTempFolder } from '../../support/temp-folder.ts';
import { type HolderEvent, type KnownSession, type Login, type Resume, timing } from './crash-messages.ts';
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
  /** Resolves with true when the engine stands still at the armed step, with false after a while. */
  standsStill(withinMs: number): Promise<boolean>;
  /** Ends this life and checks what it may leave behind. */
  kill(): Promise<void>;
  /** Holders leave for good. */
  forsake(): void;
  known(): Promise<readonly KnownSession[]>;
  alive(): { readonly leases: readonly string[]; readonly tokens: readonly string[] };
  canLogin(login: Login | undefined): boolean;
}

/** The promise, for what is alive and not on record: no longer than the probation. Some slack for a busy machine's clock. */
const slackMs = 500;

/** On a SQLite file of its own where no other ledger is given. */
export async function createCrashWorld(
  holders: readonly string[],
  ledger?: LedgerConfig,
): Promise<CrashWorld> {
  const folder = await createTempFolder({ name: 'crash' });
  const store = ledger ?? { sqlite: { file: join(folder.path, 'ledger.sqlite') } };
  const backend = createMemoryBackend({
    clock: systemClock,
    dynamic: { 'database/creds/app': { ttlSeconds: timing.probationSeconds } },
    secrets: { 'secret/data/api': { key: 'value' } },
    probationSeconds: timing.probationSeconds,
    requestLimitMs: timing.requestLimitMs,
  });
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

  const alive = () => ({
    leases: backend.aliveCredentials().map(({ leaseId }) => leaseId ?? 'unleased'),
    // Readings of static secrets have tokens of their own, which no session holds and which end at once.
    tokens: backend
      .aliveTokens()
      .filter(({ intent }) => !intent.startsWith('read_'))
      .map(({ accessor }) => accessor),
  });

  /** After a death: whatever the next life cannot find on record must end within the probation. */
  const expectBounded = async (diedAt: number) => {
    const references = new Set(
      (await current().sessions()).flatMap(({ leaseSets }) =>
        leaseSets.flatMap(({ credentials }) => credentials.map(({ reference }) => reference)),
      ),
    );
    const latest = diedAt + timing.probationSeconds * 1000 + slackMs;
    const unknown = [
      ...backend
        .aliveCredentials()
        .map(({ leaseId = 'unleased', expiresAt }) => ({ id: leaseId, expiresAt })),
      ...backend.aliveTokens().map(({ accessor, expiresAt }) => ({ id: accessor, expiresAt })),
    ].filter(({ id }) => !references.has(id));
    for (const { id, expiresAt } of unknown) {
      if (expiresAt > latest)
        throw new Error(`${id} is not on record and lives ${expiresAt - diedAt} ms past the death`);
    }
  };

  let diedAt: number | undefined;
  const start = async () => {
    const life = startCrashProcess({ backend, onEvent });
    process = life;
    await life.command({ kind: 'start', store, holders });
    if (diedAt !== undefined) await expectBounded(diedAt);
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
    alive,
    canLogin: (login) => login !== undefined && backend.canLogin(login.username, login.password),
    [Symbol.asyncDispose]: async () => {
      await process?.kill();
      await folder[Symbol.asyncDispose]();
    },
  };
}
