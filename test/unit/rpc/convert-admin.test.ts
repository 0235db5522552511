import { describe, expect, it } from 'vitest';
import { loadAdminApi } from '../../../src/rpc/proto.ts';
import { toSessionMessage } from '../../../src/rpc/convert-admin.ts';
import type { SessionWithHolders } from '../../../src/ledger/ledger.ts';
import { aRunIdentity } from '../../contract/ledger/runs-contract.ts';
import { session } from './server-world.ts';

/** The run of a session as it comes out of the wire. */
const shown = (run?: SessionWithHolders['run']) => {
  const { responseSerialize, responseDeserialize } =
    loadAdminApi().leasehold.v1.AdminService.service.GetSession;
  const identity = aRunIdentity();
  const ofRun = { ...session, identity, workload: identity.workload, ...(run === undefined ? {} : { run }) };
  const message = toSessionMessage(ofRun, () => '');
  return responseDeserialize(responseSerialize({ session: message })).session?.run;
};

describe('a run, as an administrator is told of it', () => {
  it('has the restart count and the SLUID that it was registered with', () => {
    const run = { restarts: 0, sluid: 's5WCZ2JGZ0A100' };
    expect(shown(run)).toMatchObject({ jobId: 12, ...run });
    expect(shown({ restarts: 70_000, sluid: undefined })).toMatchObject({ restarts: 70_000, sluid: '' });
  });

  it('has no count where the ledger has none to tell: 0 would be one', () => {
    const run = shown();
    expect(run).toMatchObject({ jobId: 12, sluid: '' });
    expect(run?.restarts).toBeUndefined();
  });
});
