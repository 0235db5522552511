import type { Ledger } from './ledger.ts';

/** The one argument of a method of the port. */
export type LedgerInput<Method extends keyof Ledger> = Ledger[Method] extends (input: infer Input) => unknown
  ? Input
  : never;
