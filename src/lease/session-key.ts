import type { Verified } from '../identity/identity.ts';
import type { SessionKey } from '../ledger/ledger.ts';
import type { Bundle } from '../policy/bundle.ts';

/** What a holder that asks for this bundle is to hold: the session of its whole workload, or one of its node's own. */
export function keyOf(
  { identity, holder }: Pick<Verified, 'identity' | 'holder'>,
  bundle: string,
  policy: Pick<Bundle, 'perNode'> | undefined,
): SessionKey {
  const isOwn = identity.kind === 'run' && policy?.perNode === true;
  return { workload: identity.workload, bundle, node: isOwn ? holder : '' };
}
