import { join } from 'node:path';
import { openSqliteLedger } from '../../src/ledger/sqlite/sqlite-ledger.ts';
import { silentLog } from '../../src/platform/log.ts';
import { createTempFolder } from '../support/temp-folder.ts';
import { ledgerContract } from './ledger-contract.ts';

ledgerContract('the SQLite ledger', async () => {
  const folder = await createTempFolder({ name: 'ledger' });
  const open = () => openSqliteLedger({ file: join(folder.path, 'ledger.sqlite'), log: silentLog });
  let ledger = await open();
  return {
    ledger,
    reopen: async () => {
      await ledger[Symbol.asyncDispose]();
      ledger = await open();
      return ledger;
    },
    close: async () => {
      await ledger[Symbol.asyncDispose]();
      await folder.remove();
    },
  };
});
