/** Where the broker finds Vault or OpenBao and how it proves itself there. Parsed values; the files are read by the adapter. */
export interface VaultConfig {
  /** Origin only, `https://host:8200`. Plain `http` is accepted for loopback addresses and refused for all others. */
  readonly address: string;
  /** PEM file with the authorities to trust instead of the system's. */
  readonly ca?: string;
  /** Sent with every call except those that exist in the root namespace only. */
  readonly namespace?: string;
  readonly auth: VaultAuth;
  /** The backend's own `default_max_request_duration`, seconds: after it, a request that was cut has certainly ended. */
  readonly requestLimitSeconds: number;
  /** First ttl of every token, seconds; 1 to 60. The printed broker policy allows exactly this value. */
  readonly probationSeconds: number;
}

/** How the broker logs in. Files are read again at each login, so a rotated file needs no restart. */
export type VaultAuth =
  | { readonly kind: 'token'; readonly tokenFile: string }
  | {
      readonly kind: 'appRole';
      /** Mount path without slashes at the ends, for example `approle`. */
      readonly mount: string;
      readonly roleIdFile: string;
      readonly secretIdFile: string;
    }
  | {
      /** Both the `jwt` and the `kubernetes` auth method: they take the same login request. */
      readonly kind: 'jwt';
      readonly mount: string;
      readonly role: string;
      readonly tokenFile: string;
    };

/** Vault's default for `default_max_request_duration`. */
export const defaultRequestLimitSeconds = 90;

/** Design promise 2: nothing unrecorded lives longer than this. */
export const longestProbationSeconds = 60;
