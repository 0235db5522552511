import { createHash } from 'node:crypto';
import type { PodIdentity } from '../../identity/identity.ts';
import { canaryWorkload } from '../../platform/canary-workload.ts';

/**
 * A canary is a session like any other, so that the ledger's intents, settlement and revocation are its too, and a broker that dies in the middle
 * leaves to the others what it would leave of a workload's. Its identity has the form of a pod's because brokers of earlier versions
 * share the ledger, have to read every row, and settle what they find.
 */
export function canaryIdentity(path: string): PodIdentity {
  const workload = canaryWorkload(path);
  return {
    kind: 'pod',
    workload,
    spiffeId: workload,
    // No cluster can have this name, so no selector for one, no grant and no cluster's word means a canary.
    cluster: '(canary)',
    namespace: '',
    serviceAccount: '',
    serviceAccountUid: '',
    pod: '',
    podUid: '',
    node: '',
    labels: {},
    images: { known: false },
  };
}

const alphabet = 'abcdefghijklmnopqrstuvwxyz234567';
const dayMs = 86_400_000;

/**
 * The session id of the canary that follows that one at a path. Brokers that find one due at the same time get the same id, and the ledger takes
 * an id once: so it is made once, whoever makes it. Without a predecessor the day stands in for it, because ids of pruned sessions
 * are still in the audit log.
 */
export function nextCanaryId(path: string, previous: string | undefined, now: number): string {
  const seed = `canary\n${path}\n${previous ?? String(Math.floor(now / dayMs))}`;
  const digest = createHash('sha256').update(seed).digest();
  return `ses_${[...digest.subarray(0, 26)].map((byte) => alphabet.charAt(byte & 31)).join('')}`;
}
