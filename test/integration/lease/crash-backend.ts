import { createMemoryBackend, type MemoryBackend } from '../../../src/backend/memory/memory-backend.ts';
import type { VaultConfig } from '../../../src/backend/vault/vault-config.ts';
import { systemClock } from '../../../src/platform/clock.ts';
import { type CrashTimes, type Login, timing } from './crash-messages.ts';

/** Something that works at the backend now. `expiresAt` by this machine's clock, milliseconds since the Unix epoch. */
export interface Alive {
  readonly id: string;
  readonly expiresAt: number;
}

/** What is alive of one round, as the backend itself and its database tell it. */
export interface AliveThings {
  readonly leases: readonly Alive[];
  /** Named by their accessors. */
  readonly tokens: readonly (Alive & { readonly intent: string })[];
  /** Users that the database lets in, whether or not a lease remembers them. */
  readonly users: readonly Alive[];
}

/** Where one round's engine gets its secrets; outlives it. */
export interface CrashBackend {
  /** Lives in this process and answers the engine's calls, or is a server that the engine connects to by itself. */
  readonly place:
    { readonly memory: MemoryBackend } | { readonly vault: VaultConfig; readonly roles: CrashRoles };
  readonly times: CrashTimes;
  /** How much later than promised something may end: rounding, and what was under way at the death. Milliseconds. */
  readonly slackMs: number;
  alive(): Promise<AliveThings>;
  canLogin(login: Login): Promise<boolean>;
}

/** A round's own at a backend that is shared, so that what is left can be told apart. */
export interface CrashRoles {
  readonly tokenRole: string;
  /** Of the dynamic secret, for example `database/creds/app`. */
  readonly path: string;
}

export function createMemoryCrashBackend(): CrashBackend {
  const { probationSeconds, ttlSeconds, requestLimitMs } = timing;
  const memory = createMemoryBackend({
    clock: systemClock,
    dynamic: { 'database/creds/app': { ttlSeconds: probationSeconds } },
    secrets: { 'secret/data/api': { key: 'value' } },
    probationSeconds,
    requestLimitMs,
  });
  return {
    place: { memory },
    times: { probationSeconds, ttlSeconds },
    slackMs: 500,
    alive: async () => {
      const users = memory
        .aliveCredentials()
        .map(({ leaseId = 'unleased', expiresAt }) => ({ id: leaseId, expiresAt }));
      const tokens = memory
        .aliveTokens()
        .map(({ accessor, expiresAt, intent }) => ({ id: accessor, expiresAt, intent }));
      return { leases: users, tokens, users };
    },
    canLogin: async ({ username, password }) => memory.canLogin(username, password),
  };
}
