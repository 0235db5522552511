import { join } from 'node:path';
import { expect, it } from 'vitest';
import { openAudit } from '../../../src/audit/open-audit.ts';
import type { Verified } from '../../../src/identity/identity.ts';
import { createRunRegistry } from '../../../src/lease/runs/run-registry.ts';
import { systemClock } from '../../../src/platform/clock.ts';
import { silentLog } from '../../../src/platform/log.ts';
import { Secret } from '../../../src/platform/secret.ts';
import { createFixedPolicy } from '../../../src/policy/policy-cell.ts';
import { aRunIdentity } from '../../contract/ledger/runs-contract.ts';
import { createTempFolder } from '../../support/temp-folder.ts';
import { createWorld } from './world.ts';

const signal = new AbortController().signal;

it('a run that ends is over when its node is away, but not while a stream is only opened anew', async () => {
  await using world = await createWorld();
  const { clock, ledger } = world;
  const identity = aRunIdentity({ nodes: ['n1'] });
  const { jobId, start, workload, cluster } = identity;
  await using folder = await createTempFolder({ name: 'run-end-gap' });
  await using audit = await openAudit({
    file: join(folder.path, 'audit.log'),
    hmacKey: Secret.ofText('sixteen bytes and more'),
    maxWaitMs: 60_000,
    clock: systemClock,
    log: silentLog,
  });
  await using registry = createRunRegistry({
    ledger,
    policy: createFixedPolicy({ bundles: new Map(), grants: [] }),
    audit,
    clusters: [
      { name: cluster, audience: 'a', keys: { file: '/k' }, endGraceSeconds: 600, absentAfterSeconds: 0 },
    ],
    clock,
    log: silentLog,
    now: () => clock.now(),
    serves: () => true,
  });
  await ledger.registerRun({
    run: { identity, restarts: 0, sluid: undefined, endsAt: undefined, bundles: ['db'] },
    at: clock.now(),
  });
  const verified: Verified = {
    identity,
    holder: 'n1',
    holders: ['n1'],
    credentialId: 'hpc/n1/0',
    credentialExpiresAt: Number.MAX_SAFE_INTEGER,
    run: { bundles: ['db'], restarts: 0, endsAt: undefined },
  };
  const holder = await world.holder(verified);
  await holder.take('db');
  const session = holder.last('opened')?.session ?? '';
  const generation = holder.last('generation')?.generation.id ?? '';
  await registry.end({ cluster, run: { jobId, start }, sluid: undefined, cancelled: false });
  const state = async () => (await ledger.findRun(workload))?.state;

  // One look at least falls into it.
  await holder.attachment.detach();
  await world.pass(2_000);
  expect(await state()).toBe('ending');
  const again = await world.holder(verified);
  await again.attachment.open(
    { bundle: 'db', requestKey: 'k'.repeat(16), resume: { session, generation } },
    { signal },
  );
  await world.pass(60_000);
  expect(await state()).toBe('ending');
  await again.attachment.detach();
  await world.pass(6_000);
  expect(await state()).toBe('ended');
});
