import type { HoldResponse } from '../../../src/rpc/gen/leasehold/v1/HoldResponse.ts';

export const sessionA = 'ses_aaaaaaaaaaaaaaaaaaaaaaaaaa';
export const sessionB = 'ses_bbbbbbbbbbbbbbbbbbbbbbbbbb';

export const welcome = (): HoldResponse => ({
  welcome: {
    spiffeId: 'spiffe://example/k8s/one/ns/a/sa/b/pod/c',
    workload: 'k8s/one/c',
    credentialExpiresAtMs: Date.now() + 3_600_000,
  },
});

/** Of run 1700000000 of job 7. */
export const runWelcome = (
  options: {
    readonly bundles?: readonly string[];
    readonly uid?: number;
    readonly gid?: number;
    readonly job?: number;
    readonly start?: number;
    readonly restarts?: number;
  } = {},
): HoldResponse => {
  const {
    bundles = ['db'],
    uid = 12_345,
    gid = 12_346,
    job = 7,
    start = 1_700_000_000,
    restarts = 0,
  } = options;
  return {
    welcome: {
      spiffeId: `spiffe://example/slurm/one/user/u/job/${job}/run/${start}`,
      workload: `run/one/${job}/${start}`,
      credentialExpiresAtMs: Date.now() + 3_600_000,
      run: { bundles: [...bundles], uid, gid, start, restarts },
    },
  };
};

export const opened = (options: {
  readonly bundle?: string;
  readonly session?: string;
  readonly resumed?: boolean;
  readonly leased?: boolean;
  readonly outage?: { readonly mode: 'KEEP' | 'NOT_READY' | 'WIPE'; readonly after: number };
}): HoldResponse => ({
  opened: {
    bundle: options.bundle ?? 'db',
    sessionId: options.session ?? sessionA,
    deadlineMs: Date.now() + 3_600_000,
    outageMode: `OUTAGE_MODE_${options.outage?.mode ?? 'KEEP'}`,
    outageAfterSeconds: options.outage?.after ?? 0,
    resumed: options.resumed ?? false,
    leased: options.leased ?? true,
  },
});

/** A database login as user.txt and password.txt. `null` for a secret that is unchanged. */
export const generation = (options: {
  readonly session?: string;
  readonly id?: string;
  readonly number?: number;
  readonly login: { readonly user: string; readonly password: string } | null;
}): HoldResponse => ({
  generation: {
    sessionId: options.session ?? sessionA,
    generationId: options.id ?? 'gen_aaaaaaaaaaaaaaaaaaaaaaaaaa',
    number: options.number ?? 1,
    previousUntilMs: 0,
    secrets: [
      {
        name: 'login',
        ...(options.login === null
          ? { unchanged: true }
          : {
              fields: {
                fields: {
                  user: Buffer.from(options.login.user),
                  password: Buffer.from(options.login.password),
                },
              },
            }),
      },
    ],
    files: [
      { path: 'user.txt', mode: 0o440, format: 'FILE_FORMAT_RAW', secret: 'login', field: 'user' },
      { path: 'password.txt', mode: 0o440, format: 'FILE_FORMAT_RAW', secret: 'login', field: 'password' },
    ],
  },
});
