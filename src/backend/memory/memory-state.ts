import type { Clock } from '../../platform/clock.ts';

/** A credential that would log in now. */
export interface AliveCredential {
  readonly username: string;
  readonly password: string;
  /** Undefined for what a cut read left behind. */
  readonly leaseId: string | undefined;
  readonly path: string;
  /** Milliseconds since the Unix epoch. */
  readonly expiresAt: number;
}

export interface MemoryToken {
  readonly accessor: string;
  readonly token: string;
  readonly tokenRole: string;
  readonly intent: string;
  readonly endsBy: number;
  expiresAt: number;
}

export interface MemoryLease {
  readonly leaseId: string;
  readonly accessor: string;
  readonly path: string;
  readonly username: string;
  readonly password: string;
  readonly endsBy: number;
  readonly renewable: boolean;
  expiresAt: number;
}

export interface StoredSecret {
  readonly data: object;
  readonly version: number;
}

/** Tokens and leases with their expiry: what has expired is not there, whoever looks. */
export interface MemoryState {
  token(accessor: string): MemoryToken | undefined;
  tokenByValue(value: string): MemoryToken | undefined;
  lease(leaseId: string): MemoryLease | undefined;
  addToken(token: MemoryToken): void;
  addLease(lease: MemoryLease): void;
  addUnleased(credential: AliveCredential): void;
  dropToken(accessor: string): void;
  dropLease(leaseId: string): void;
  alive(): readonly AliveCredential[];
  tokens(): readonly MemoryToken[];
  clear(): void;
}

/** How often what has expired and is asked for by nobody is dropped. */
const sweepMs = 10_000;

/** See `MemoryState`. A token takes its leases with it, whether it expires or is dropped. Every look but `alive` and `tokens` is one step. */
export function createMemoryState(options: { readonly clock: Clock }): MemoryState {
  const tokens = new Map<string, MemoryToken>();
  const accessors = new Map<string, string>();
  const leases = new Map<string, MemoryLease>();
  const leasesOf = new Map<string, Set<string>>();
  const unleased = new Set<AliveCredential>();
  let sweepAt = 0;

  const dropLease = (leaseId: string) => {
    const lease = leases.get(leaseId);
    if (lease === undefined) return;
    leases.delete(leaseId);
    leasesOf.get(lease.accessor)?.delete(leaseId);
  };
  const dropToken = (accessor: string) => {
    const token = tokens.get(accessor);
    if (token === undefined) return;
    tokens.delete(accessor);
    accessors.delete(token.token);
    for (const leaseId of leasesOf.get(accessor) ?? []) leases.delete(leaseId);
    leasesOf.delete(accessor);
  };
  const token = (accessor: string) => {
    const found = tokens.get(accessor);
    if (found === undefined || found.expiresAt > options.clock.now()) return found;
    dropToken(accessor);
    return undefined;
  };
  const lease = (leaseId: string) => {
    const found = leases.get(leaseId);
    if (found === undefined) return undefined;
    if (found.expiresAt > options.clock.now() && token(found.accessor) !== undefined) return found;
    dropLease(leaseId);
    return undefined;
  };
  const sweep = () => {
    const now = options.clock.now();
    for (const accessor of tokens.keys()) token(accessor);
    for (const leaseId of leases.keys()) lease(leaseId);
    for (const credential of unleased) if (credential.expiresAt <= now) unleased.delete(credential);
    sweepAt = now + sweepMs;
  };
  const swept = <T>(look: () => T): T => {
    sweep();
    return look();
  };
  const sweepWhenDue = () => {
    if (options.clock.now() >= sweepAt) sweep();
  };

  return {
    token,
    tokenByValue: (value) => token(accessors.get(value) ?? ''),
    lease,
    addToken: (added) => {
      sweepWhenDue();
      tokens.set(added.accessor, added);
      accessors.set(added.token, added.accessor);
    },
    addLease: (added) => {
      leases.set(added.leaseId, added);
      const own = leasesOf.get(added.accessor) ?? new Set();
      leasesOf.set(added.accessor, own.add(added.leaseId));
    },
    addUnleased: (credential) => void unleased.add(credential),
    dropToken,
    dropLease,
    alive: () =>
      swept(() => [
        ...[...leases.values()].map(({ username, password, leaseId, path, expiresAt }) => ({
          username,
          password,
          leaseId,
          path,
          expiresAt,
        })),
        ...unleased,
      ]),
    tokens: () => swept(() => [...tokens.values()]),
    clear: () => {
      tokens.clear();
      accessors.clear();
      leases.clear();
      leasesOf.clear();
      unleased.clear();
    },
  };
}
