import type { Prove } from '../../../sidecar/proof.ts';
import { Secret } from '../../../src/platform/secret.ts';

/** One that is never renewed. */
export const aProof: Prove = async () => ({
  credential: Secret.ofText('token-1'),
  endpoint: { ca: Buffer.from('ca') },
  keep: () => ({ expiresAt: () => undefined, sendNow: () => undefined, close: () => undefined }),
});
