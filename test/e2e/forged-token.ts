import { createPrivateKey, sign } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { valueAt } from '../support/json.ts';
import type { TestKubernetes } from '../support/parts/kubernetes.ts';

/** Claims in place of those that stand in the token, or further ones. */
export type Claims = Readonly<Record<string, unknown>>;

const decode = (segment: string | undefined): unknown =>
  JSON.parse(Buffer.from(segment ?? '', 'base64url').toString('utf8'));

const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');

/** What a token says. */
export const claimsOf = (token: string): unknown => decode(token.split('.')[1]);

/**
 * The token with other claims under the same header, signed again with the cluster's own key or with the one that is named. Only so
 * can a test show a token whose one fault is its time or its issuer: the API server makes no such thing.
 */
export const forgeToken = async (options: {
  readonly token: string;
  readonly cluster: TestKubernetes;
  readonly claims?: Claims;
  /** PEM. */
  readonly key?: string;
}): Promise<string> => {
  const [header = '', payload] = options.token.split('.');
  if (valueAt(decode(header), 'alg') !== 'RS256')
    throw new Error('only tokens of an RSA key are signed again');
  const claims = Object.assign({}, decode(payload), options.claims);
  const input = `${header}.${encode(claims)}`;
  const key = createPrivateKey(options.key ?? (await readFile(options.cluster.tokenKeyFile, 'utf8')));
  return `${input}.${sign('sha256', Buffer.from(input), key).toString('base64url')}`;
};
