import { auditExport } from './commands/audit-export.ts';
import { auditKey } from './commands/audit-key.ts';
import { auditShow } from './commands/audit-show.ts';
import { auditVerify } from './commands/audit-verify.ts';
import { canaryList } from './commands/canary-list.ts';
import { canaryRun } from './commands/canary-run.ts';
import { completion } from './commands/completion.ts';
import { explain } from './commands/explain.ts';
import { ledgerMigrate } from './commands/ledger-migrate.ts';
import { lockAdd } from './commands/lock-add.ts';
import { lockList } from './commands/lock-list.ts';
import { lockRemove } from './commands/lock-remove.ts';
import { nodeEnrolToken } from './commands/node-enrol-token.ts';
import { nodeListTokens } from './commands/node-list-tokens.ts';
import { nodeWithdrawToken } from './commands/node-withdraw-token.ts';
import { revoke } from './commands/revoke.ts';
import { rotate } from './commands/rotate.ts';
import { sessionList } from './commands/session-list.ts';
import { sessionShow } from './commands/session-show.ts';
import { sessionWatch } from './commands/session-watch.ts';
import { settleLift } from './commands/settle-lift.ts';
import { settleList } from './commands/settle-list.ts';
import { settleWriteOff } from './commands/settle-write-off.ts';
import { setupCheck } from './commands/setup-check.ts';
import { setupPrint } from './commands/setup-print.ts';
import { version } from './commands/version.ts';
import type { Command } from './spec.ts';

/** All commands, in the order of the manual. */
export const commands: readonly Command[] = [
  sessionList,
  sessionShow,
  sessionWatch,
  revoke,
  rotate,
  lockAdd,
  lockRemove,
  lockList,
  nodeEnrolToken,
  nodeListTokens,
  nodeWithdrawToken,
  explain,
  settleList,
  settleLift,
  settleWriteOff,
  canaryList,
  canaryRun,
  auditShow,
  auditExport,
  auditVerify,
  auditKey,
  setupPrint,
  setupCheck,
  ledgerMigrate,
  completion,
  version,
];
