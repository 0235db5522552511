import { z } from 'zod';
import { LeaseholdError } from '../platform/error.ts';
import type { ErrorCode } from '../platform/error.ts';
import type { ClusterTrust } from './cluster-config.ts';
import { namespaceName, objectName, objectUid } from './kubernetes-names.ts';
import { JsonRefused, isJsonObject, parseStrictJson } from './strict-json.ts';
import type { JsonObject } from './strict-json.ts';
import { payloadLimits } from './token.ts';

/** What a pod's token says, after signature and time checks. */
export interface PodClaims {
  readonly namespace: string;
  readonly pod: string;
  readonly podUid: string;
  readonly serviceAccount: string;
  readonly serviceAccountUid: string;
  /** API servers before 1.32 may leave it out. */
  readonly node: string | undefined;
  /** `jti`, or empty. */
  readonly tokenId: string;
  /** Milliseconds since the Unix epoch. */
  readonly expiresAt: number;
}

/** Clocks of API server and broker may differ by this much. */
export const clockLeewaySeconds = 10;

// Up to the year 2286; keeps the arithmetic exact and refuses milliseconds given as seconds.
const numericDate = z.int().min(0).max(9_999_999_999);
const audience = z.string().min(1).max(1024);

const claimsSchema = z.object({
  iss: z.string(),
  sub: z.string(),
  aud: z.union([audience, z.array(audience).min(1).max(16)]),
  exp: numericDate,
  iat: numericDate,
  nbf: numericDate,
  jti: z
    .string()
    .max(256)
    .regex(/^[\x21-\x7e]*$/)
    .optional(),
});

const reference = z.object({ name: objectName, uid: objectUid });

const kubernetesSchema = z.object({
  namespace: namespaceName,
  pod: reference,
  serviceaccount: reference,
  node: z.object({ name: objectName }).optional(),
});

const claimNames = ['iss', 'sub', 'aud', 'exp', 'iat', 'nbf', 'jti', 'kubernetes.io'];
const kubernetesNames = ['namespace', 'pod', 'serviceaccount', 'node'];

/**
 * Claims of the payload whose signature has been verified. The audience must be ours to the letter: as the string, or as
 * one element of the array (the API server always writes an array). Throws a `credential_*` code.
 */
export function parseClaims(verifiedPayload: Uint8Array, cluster: ClusterTrust, nowMs: number): PodClaims {
  const payload = readPayload(verifiedPayload);
  refuseLookAlikes(payload, claimNames);
  const parsed = claimsSchema.safeParse(payload);
  if (!parsed.success) throw refused('credential_malformed', `claim ${firstPath(parsed.error)}`);
  const claims = parsed.data;
  if (claims.iss !== cluster.issuer) throw refused('credential_unknown_issuer', 'iss is not this cluster');
  const audiences = typeof claims.aud === 'string' ? [claims.aud] : claims.aud;
  if (!audiences.includes(cluster.audience)) throw refused('credential_wrong_audience', 'aud lacks ours');
  checkTimes(claims, cluster.maxTokenSeconds, nowMs / 1000);
  const bound = parseBinding(payload['kubernetes.io']);
  if (claims.sub !== `system:serviceaccount:${bound.namespace}:${bound.serviceaccount.name}`)
    throw refused('credential_malformed', 'sub does not name the service account of kubernetes.io');
  return {
    namespace: bound.namespace,
    pod: bound.pod.name,
    podUid: bound.pod.uid,
    serviceAccount: bound.serviceaccount.name,
    serviceAccountUid: bound.serviceaccount.uid,
    node: bound.node?.name,
    tokenId: claims.jti ?? '',
    expiresAt: claims.exp * 1000,
  };
}

function checkTimes(
  claims: { readonly exp: number; readonly iat: number; readonly nbf: number },
  maxTokenSeconds: number,
  now: number,
): void {
  if (claims.exp <= claims.iat || claims.exp <= claims.nbf)
    throw refused('credential_malformed', 'exp is not after iat and nbf');
  // Also stops the one-year tokens that admission puts into every pod by default.
  if (claims.exp - claims.iat > maxTokenSeconds)
    throw refused('credential_lifetime', 'exp - iat is over maxTokenSeconds');
  if (now >= claims.exp + clockLeewaySeconds) throw refused('credential_expired', 'exp has passed');
  if (now < Math.max(claims.nbf, claims.iat) - clockLeewaySeconds)
    throw refused('credential_not_yet_valid', 'nbf or iat is in the future');
}

/** A token bound to a Secret, to a node alone or to nothing stands for no pod instance. */
function parseBinding(value: unknown): z.infer<typeof kubernetesSchema> {
  if (!isJsonObject(value)) throw refused('credential_not_bound', 'no kubernetes.io claim');
  refuseLookAlikes(value, kubernetesNames);
  if (value['pod'] === undefined) throw refused('credential_not_bound', 'no pod in kubernetes.io');
  const parsed = kubernetesSchema.safeParse(value);
  if (!parsed.success)
    throw refused('credential_malformed', `claim kubernetes.io.${firstPath(parsed.error)}`);
  return parsed.data;
}

function readPayload(bytes: Uint8Array): JsonObject {
  try {
    return parseStrictJson(bytes, payloadLimits);
  } catch (error) {
    const reason = error instanceof JsonRefused ? error.message : 'unreadable';
    throw refused('credential_malformed', `payload ${reason}`);
  }
}

/** "Aud" next to "aud" is one claim for a reader that folds case and two for one that does not: refuse both readings. */
function refuseLookAlikes(object: JsonObject, names: readonly string[]): void {
  for (const key of Object.keys(object)) {
    if (names.includes(key)) continue;
    const folded = key.normalize('NFKC').toLowerCase().trim();
    if (names.includes(folded))
      throw refused('credential_malformed', 'a claim name is spelled in another case');
  }
}

/** Path only: field names of our schema, never a value. */
function firstPath(error: z.ZodError): string {
  return error.issues[0]?.path.join('.') ?? '';
}

function refused(code: ErrorCode, detail: string): LeaseholdError {
  return new LeaseholdError(code, { detail });
}
