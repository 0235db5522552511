/** One thing at the backend that is not as it should be. */
export interface Finding {
  /** `error`: the broker will be refused, or a promise does not hold. `warning`: a person should look. */
  readonly severity: 'error' | 'warning';
  /** For example `policy leasehold-broker`, `token role leasehold-app`, `database/creds/app`. */
  readonly subject: string;
  /** What is wrong and what is expected, in our words. */
  readonly problem: string;
}
