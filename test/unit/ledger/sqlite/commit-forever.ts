import { openSqliteLedger } from '../../../../src/ledger/sqlite/sqlite-ledger.ts';
import { silentLog } from '../../../../src/platform/log.ts';
import { anActiveSession, aPod } from '../../../contract/ledger/ledger-world.ts';

/** A process of its own, to be killed: makes sessions without end and says which of them are durable, one on a line. */
const ledger = await openSqliteLedger({ file: process.argv[2] ?? '', log: silentLog });
for (let round = 0; ; round += 1) {
  await Promise.all(
    [1, 2, 3, 4].map(async (lane) => {
      const made = await anActiveSession(ledger, { identity: aPod(`${process.pid}-${round}-${lane}`) });
      process.stdout.write(`${JSON.stringify(made)}\n`);
    }),
  );
}
