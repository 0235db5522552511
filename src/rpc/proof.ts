import type { IdentityVerifier, Verified } from '../identity/identity.ts';
import type { Clock } from '../platform/clock.ts';
import { hasCode, LeaseholdError } from '../platform/error.ts';
import type { Metrics } from '../platform/metrics.ts';
import type { Turns } from './turns.ts';

/** Verification of credentials, with a limit on what callers that have proved nothing can cost. */
export interface Proof {
  /** For a new stream. `mayOpen` false: the workload is terminating or knowledge is stale, so only what it holds may go on. */
  proveNew(
    credential: Uint8Array,
    signal: AbortSignal,
  ): Promise<{ readonly verified: Verified; readonly mayOpen: boolean }>;
  /** For a stream that stands. */
  proveHeld(credential: Uint8Array, signal: AbortSignal): Promise<Verified>;
}

export interface ProofOptions {
  readonly verifier: IdentityVerifier;
  readonly turns: Turns;
  readonly clock: Clock;
  readonly metrics: Metrics;
}

const longestMs = 15_000;
const retryAfterMs = 5_000;
/** Projected tokens have 1 to 3 KiB. */
const longestCredential = 16 * 1024;

/** See `Proof`. The bytes of a credential are overwritten when it has been looked at. */
export function createProof({ verifier, turns, clock, metrics }: ProofOptions): Proof {
  const verify = async (
    credential: Uint8Array,
    signal: AbortSignal,
    purposes: readonly ('new' | 'held')[],
  ): Promise<{ readonly verified: Verified; readonly purpose: 'new' | 'held' }> => {
    const limited = new AbortController();
    const cancel = clock.after(longestMs, () => limited.abort());
    const both = AbortSignal.any([signal, limited.signal]);
    const startedAt = clock.monotonic();
    let code = 'ok';
    try {
      if (credential.byteLength === 0) throw new LeaseholdError('credential_missing');
      if (credential.byteLength > longestCredential) throw new LeaseholdError('credential_malformed');
      return await turns.run(() => tryEach(purposes, credential, both), both);
    } catch (error) {
      const known =
        limited.signal.aborted && !signal.aborted
          ? new LeaseholdError('identity_unavailable', { retryAfterMs, cause: error })
          : LeaseholdError.from(error);
      code = known.code;
      throw known;
    } finally {
      cancel();
      credential.fill(0);
      metrics.count('verifications', { code });
      metrics.observe('verificationSeconds', (clock.monotonic() - startedAt) / 1000, {});
    }
  };

  const tryEach = async (
    [purpose = 'held', ...others]: readonly ('new' | 'held')[],
    credential: Uint8Array,
    signal: AbortSignal,
  ): Promise<{ readonly verified: Verified; readonly purpose: 'new' | 'held' }> => {
    try {
      return { verified: await verifier.verify(credential, { purpose, signal }), purpose };
    } catch (error) {
      // It may hold a session already: that goes on, and nothing new begins.
      if (others.length === 0 || !hasCode(error, 'workload_terminating', 'workload_stale')) throw error;
      return tryEach(others, credential, signal);
    }
  };

  return {
    proveNew: async (credential, signal) => {
      const { verified, purpose } = await verify(credential, signal, ['new', 'held']);
      return { verified, mayOpen: purpose === 'new' };
    },
    proveHeld: async (credential, signal) => (await verify(credential, signal, ['held'])).verified,
  };
}
