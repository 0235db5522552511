import * as z from 'zod';
import { brokenPathRule } from '../policy/backend-path.ts';
import { filePath, listenAddress, ruledText, token, whole } from './config-values.ts';
import type { ListenAddress } from './config-values.ts';

/** PEM files; read again when they change. */
export interface TlsFiles {
  readonly certificate: string;
  readonly key: string;
}

/** What callers that have proved nothing yet, or nothing more, can cost. */
export interface WorkloadLimits {
  readonly maxConnections: number;
  readonly maxStreamsPerConnection: number;
  /** Of one message from a holder. */
  readonly maxMessageBytes: number;
  /** Credentials verified at the same time; more wait their turn. */
  readonly maxUnproved: number;
  /** How long a stream may live without its first message. */
  readonly firstMessageMs: number;
}

export const adminRights = ['view', 'revoke', 'settle', 'enrol'] as const;

export type AdminRight = (typeof adminRights)[number];

/** A person or machine, known by its client certificate. */
export interface AdminClient {
  /** Stands in audit records as `admin:<name>`. */
  readonly name: string;
  readonly match: { readonly commonName: string } | { readonly uri: string };
  readonly rights: readonly AdminRight[];
}

/** Where the certificates of nodes that enrol come from: a role of a PKI engine at the secret backend. */
export interface EnrolmentConfig {
  readonly mount: string;
  readonly role: string;
  readonly certificateSeconds: number;
}

export interface ListenerConfigs {
  readonly workloads: {
    readonly listen: ListenAddress;
    readonly tls: TlsFiles;
    readonly limits: WorkloadLimits;
  };
  readonly admin: {
    readonly listen: ListenAddress;
    readonly tls: TlsFiles & { readonly clientCa: string };
    readonly clients: readonly AdminClient[];
  };
  /** Compute nodes and signers of batch schedulers, by client certificate. Goes with `slurm`. */
  readonly nodes?: {
    readonly listen: ListenAddress;
    readonly tls: TlsFiles & { readonly clientCa: string };
    readonly limits: WorkloadLimits;
    /** Without it nodes get their certificates elsewhere. */
    readonly enrolment?: EnrolmentConfig;
  };
  /** Metrics and health, without TLS. */
  readonly http: { readonly listen: ListenAddress };
}

const limits = z.strictObject({
  maxConnections: whole(1, 1_000_000).default(20_000),
  maxStreamsPerConnection: whole(1, 10_000).default(16),
  maxMessageBytes: whole(16_384, 4_194_304).default(65_536),
  maxUnproved: whole(1, 10_000).default(256),
  firstMessageMs: whole(100, 60_000).default(10_000),
});

/** One connection carries all runs of a node; an assertion names every node of its run. */
const nodeLimits = z.strictObject({
  ...limits.shape,
  maxStreamsPerConnection: whole(1, 10_000).default(1_024),
  maxMessageBytes: whole(16_384, 4_194_304).default(4_194_304),
});

const adminClient = z
  .strictObject({
    name: z.string().regex(/^[A-Za-z0-9]([A-Za-z0-9._@-]{0,61}[A-Za-z0-9])?$/, {
      error: 'must be 1 to 63 letters, digits, ., _, @ and -, first and last a letter or digit',
    }),
    commonName: z.string().min(1).max(64).exactOptional(),
    uri: token.exactOptional(),
    rights: z
      .array(z.enum(adminRights))
      .min(1, { error: 'must not be empty' })
      .refine((rights) => new Set(rights).size === rights.length, { error: 'must name each right once' }),
  })
  .transform(({ name, commonName, uri, rights }, context): AdminClient => {
    if (commonName !== undefined && uri === undefined) return { name, match: { commonName }, rights };
    if (uri !== undefined && commonName === undefined) return { name, match: { uri }, rights };
    context.addIssue('must have exactly one of commonName and uri');
    return z.NEVER;
  });

/** Two entries for one certificate would make it a matter of order which rights it has. */
const adminClients = z
  .array(adminClient)
  .min(1, { error: 'must not be empty' })
  .max(1_000)
  .superRefine((clients, context) => {
    const names = new Set<string>();
    const matches = new Set<string>();
    for (const [index, { name, match }] of clients.entries()) {
      const key = JSON.stringify(match);
      if (names.has(name))
        context.addIssue({ code: 'custom', path: [index, 'name'], message: 'is used by another client' });
      if (matches.has(key))
        context.addIssue({
          code: 'custom',
          path: [index, 'commonName' in match ? 'commonName' : 'uri'],
          message: 'is used by another client',
        });
      names.add(name);
      matches.add(key);
    }
  });

/** The three listeners' keys of broker.yaml. */
export const listenerShape = (folder: string) => {
  const tls = { certificate: filePath(folder), key: filePath(folder) };
  return {
    workloads: z.strictObject({
      listen: listenAddress,
      tls: z.strictObject(tls),
      limits: limits.prefault({}),
    }),
    admin: z.strictObject({
      listen: listenAddress,
      tls: z.strictObject({ ...tls, clientCa: filePath(folder) }),
      clients: adminClients,
    }),
    nodes: z
      .strictObject({
        listen: listenAddress,
        tls: z.strictObject({ ...tls, clientCa: filePath(folder) }),
        limits: nodeLimits.prefault({}),
        enrolment: z
          .strictObject({
            mount: ruledText(brokenPathRule),
            role: token,
            certificateSeconds: whole(3_600, 31_536_000).default(259_200),
          })
          .exactOptional(),
      })
      .exactOptional(),
    http: z.strictObject({ listen: listenAddress }),
  };
};

/** True when both cannot be bound, or one would take the other's callers. */
export function sharesAddress(a: ListenAddress, b: ListenAddress): boolean {
  const isEverywhere = ({ host }: ListenAddress) => host === '0.0.0.0' || host === '::';
  return a.port !== 0 && a.port === b.port && (a.host === b.host || isEverywhere(a) || isEverywhere(b));
}
