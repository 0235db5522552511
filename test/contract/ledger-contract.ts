import { describe } from 'vitest';
import { awaitedContract } from './ledger/awaited-contract.ts';
import { enrolmentsContract } from './ledger/enrolments-contract.ts';
import type { OpenLedgerWorld } from './ledger/ledger-world.ts';
import { propertiesContract } from './ledger/properties-contract.ts';
import { replicasContract } from './ledger/replicas-contract.ts';
import { revocationContract } from './ledger/revocation-contract.ts';
import { runsContract } from './ledger/runs-contract.ts';
import { sessionsContract } from './ledger/sessions-contract.ts';
import { undeliveredContract } from './ledger/undelivered-contract.ts';
import { unrecordedEndsContract } from './ledger/unrecorded-ends-contract.ts';
import { workContract } from './ledger/work-contract.ts';

/** What every store of the ledger port does. `open` gives an empty one each time. */
export function ledgerContract(name: string, open: OpenLedgerWorld): void {
  describe(name, () => {
    sessionsContract(open);
    revocationContract(open);
    workContract(open);
    runsContract(open);
    enrolmentsContract(open);
    undeliveredContract(open);
    unrecordedEndsContract(open);
    awaitedContract(open);
    replicasContract(open);
    propertiesContract(open);
  });
}
