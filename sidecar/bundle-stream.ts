import type { LeaseholdError } from '../src/platform/error.ts';
import type { HoldCommand, HoldEvent } from '../src/rpc/client/hold-messages.ts';

/** The stream a bundle speaks through while it is attached. */
export interface BundleStream {
  send(command: HoldCommand): void;
  /** The broker does not answer: the stream is to be ended and dialled again. */
  fail(error: LeaseholdError): void;
}

/** Events that concern one bundle; the stream's own are handled where the stream is. */
export type BundleEvent = Exclude<HoldEvent, { kind: 'welcome' | 'credential_wanted' | 'redirect' }>;
