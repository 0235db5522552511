import { LeaseholdError } from '../platform/error.ts';

/** The state did not allow the change; `rule` says which one was broken, for the log. */
export function conflict(rule: string): never {
  throw new LeaseholdError('ledger_conflict', { detail: rule });
}
