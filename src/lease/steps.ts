/**
 * Every durable or remote step of a session's life, in one place. A crash right after each of them must leave nothing alive
 * and unrecorded; tests stop the process here.
 */
export const steps = [
  'session.begun',
  'lease_set.begun',
  'token.created',
  'token.recorded',
  'lease.read',
  'lease.recorded',
  'lease_set.extended',
  'issue.audited',
  'lease_set.activated',
  'generation.sent',
  'generation.delivered',
  'renewal.token',
  'renewal.lease',
  'renewal.recorded',
  'revoke.begun',
  'revoke.told',
  'revoke.lease',
  'revoke.token',
  'revoke.settled',
  'revoke.recorded',
  'revoke.finished',
] as const;

export type Step = (typeof steps)[number];

/** Called when a step has been done. Production passes a function that returns at once. */
export type ReachStep = (step: Step, subject: string) => Promise<void> | void;
