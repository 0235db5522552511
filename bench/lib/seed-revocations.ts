import type { Backend } from '../../src/backend/backend.ts';
import type { Ledger } from '../../src/ledger/ledger.ts';
import { randomId } from '../../src/platform/random-id.ts';
import type { Bundle } from '../../src/policy/bundle.ts';
import { aPod, dbBundle } from '../../test/unit/lease/world.ts';

const atOnce = 128;

/** Sessions with a token and a lease each, alive at the backend, whose revocation is due: what a broker leaves that dies after "revoke all". */
export async function seedRevocations(options: {
  readonly ledger: Ledger;
  readonly backend: Backend;
  readonly count: number;
}): Promise<void> {
  const { ledger, backend, count } = options;
  const source = leasedOf(dbBundle);
  const signal = AbortSignal.timeout(600_000);
  const seedOne = async () => {
    const [id, leaseSet, at] = [randomId('ses_'), randomId('set_'), backend.now()];
    const pod = aPod(randomId('uid_'));
    const { token, accessor, ttlSeconds } = await backend.createToken({
      tokenRole: dbBundle.tokenRole,
      intent: leaseSet,
      signal,
    });
    const { lease } = await backend.read({ token, source, signal });
    if (lease === undefined) throw new Error('the backend gave no lease');
    const expiresAt = at + ttlSeconds * 1000;
    await ledger.beginSession({
      id,
      workload: pod.workload,
      bundle: dbBundle.name,
      node: '',
      requestKey: randomId('req_'),
      identity: pod,
      holders: ['pod'],
      grant: 'all',
      policyRevision: 'bench',
      deadlineAt: expiresAt,
      leaseSet: { id: leaseSet, tokenRole: dbBundle.tokenRole, settleAt: expiresAt },
      generation: undefined,
      attach: 'pod',
      replica: 'rep_bench',
      work: [],
      at,
    });
    await ledger.recordToken({
      leaseSet,
      accessor,
      path: `auth/token/create/${dbBundle.tokenRole}`,
      expiresAt,
      at,
    });
    const { leaseId, renewable } = lease;
    await ledger.recordLease({ leaseSet, leaseId, path: source.path, renewable, expiresAt, at });
    const end = { reason: 'admin', note: 'benchmark', by: 'bench' } as const;
    await ledger.beginRevoke({ session: id, end, tombstone: false, at });
  };
  let left = count;
  const seeder = async () => {
    while (left > 0) {
      left -= 1;
      await seedOne();
    }
  };
  await Promise.all(Array.from({ length: atOnce }, seeder));
}

function leasedOf({ secrets }: Bundle) {
  const found = secrets.find(({ kind }) => kind === 'leased');
  if (found === undefined) throw new Error('the bundle has no leased secret');
  return found;
}
