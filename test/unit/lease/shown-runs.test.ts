import { expect, it } from 'vitest';
import type { Verified } from '../../../src/identity/identity.ts';
import { aRunIdentity } from '../../contract/ledger/runs-contract.ts';
import { aVerified, createWorld } from './world.ts';

it('sessions of runs are shown with what was registered of the run, those of pods and of what is not there without', async () => {
  await using world = await createWorld();
  const { clock, ledger } = world;
  const identity = aRunIdentity({ nodes: ['n1'] });
  await ledger.registerRun({
    run: { identity, restarts: 2, sluid: 's5WCZ2JGZ0A100', endsAt: undefined, bundles: ['db'] },
    at: clock.now(),
  });
  const verified: Verified = {
    identity,
    holder: 'n1',
    holders: ['n1'],
    credentialId: 'hpc/n1/0',
    credentialExpiresAt: Number.MAX_SAFE_INTEGER,
    run: { bundles: ['db'], restarts: 2, endsAt: undefined },
  };
  for (const holder of [await world.holder(aVerified()), await world.holder(verified)])
    await holder.take('db');
  const { admin } = world.engine();
  const query = { selector: undefined, includeEnded: false, pageSize: 10, after: undefined, by: 'admin:ada' };
  const sessions = await admin.list(query);
  expect(sessions.map(({ workload, run }) => [workload, run])).toEqual([
    [identity.workload, { restarts: 2, sluid: 's5WCZ2JGZ0A100' }],
    ['pod/a/uid-1', undefined],
  ]);
  const [{ id } = expect.unreachable()] = sessions;
  expect(await admin.show({ id, by: 'admin:ada' })).toMatchObject({ run: { restarts: 2 } });
});
