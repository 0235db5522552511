import { join } from 'node:path';
import { openSqliteLedger } from '../../src/ledger/sqlite/sqlite-ledger.ts';
import { silentLog } from '../../src/platform/log.ts';
import { createTempFolder } from '../support/temp-folder.ts';
import { ledgerContract } from './ledger-contract.ts';

ledgerContract('the SQLite ledger', async () => {
  // In memory: each change is synced, and what outlives a power cut is not asked here.
  const folder = await createTempFolder({ name: 'ledger', parent: '/dev/shm' });
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
