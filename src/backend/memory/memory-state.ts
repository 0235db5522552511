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

/** Tokens, leases and secrets with their expiry; every look begins with dropping what has expired. */
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

/** See `MemoryState`. A token takes its leases with it, whether it expires or is dropped. */
export function createMemoryState(options: { readonly clock: Clock }): MemoryState {
  const tokens = new Map<string, MemoryToken>();
  const leases = new Map<string, MemoryLease>();
  const unleased = new Set<AliveCredential>();

  const dropToken = (accessor: string) => {
    tokens.delete(accessor);
    for (const lease of leases.values()) if (lease.accessor === accessor) leases.delete(lease.leaseId);
  };
  const sweep = () => {
    const now = options.clock.now();
    for (const token of tokens.values()) if (token.expiresAt <= now) dropToken(token.accessor);
    for (const lease of leases.values()) if (lease.expiresAt <= now) leases.delete(lease.leaseId);
    for (const credential of unleased) if (credential.expiresAt <= now) unleased.delete(credential);
  };
  /** Sweeping costs the size of the store, which is small where this backend is used. */
  const swept = <T>(look: () => T): T => {
    sweep();
    return look();
  };

  return {
    token: (accessor) => swept(() => tokens.get(accessor)),
    tokenByValue: (value) => swept(() => [...tokens.values()].find((each) => each.token === value)),
    lease: (leaseId) => swept(() => leases.get(leaseId)),
    addToken: (token) => void tokens.set(token.accessor, token),
    addLease: (lease) => void leases.set(lease.leaseId, lease),
    addUnleased: (credential) => void unleased.add(credential),
    dropToken,
    dropLease: (leaseId) => void leases.delete(leaseId),
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
      leases.clear();
      unleased.clear();
    },
  };
}
