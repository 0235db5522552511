import { LeaseholdError } from '../../platform/error.ts';
import { parseJson } from '../../platform/json-text.ts';
import { isMatchersSignature } from '../../platform/matcher-signature.ts';
import { areOutOfDate, type DatedMatchers, type RunMatcher } from '../../platform/run-matchers.ts';
import { type ServerTrust, verifyServerChain } from '../../platform/server-chain.ts';
import { parseHostPort } from './host-port.ts';
import {
  type Fields,
  flagAt,
  hasField,
  messagesAt,
  numberAt,
  readFields,
  textAt,
  textsAt,
} from './protobuf.ts';

/** SignedRunMatchers of `run.proto`: a broker's word as it came. */
export interface SignedMatchers {
  readonly set: Uint8Array;
  readonly signature: Uint8Array;
  /** The broker's own first. DER. */
  readonly certificates: readonly Uint8Array[];
}

/** What a broker answers to GetRunMatchers, nothing of it verified. */
export interface MatchersAnswer {
  /** Missing from an older broker. */
  readonly signed: SignedMatchers | undefined;
  /** The same for those who know of no signature. */
  readonly matchers: readonly RunMatcher[];
}

/** Whose word counts, and about which cluster. */
export interface MatchersTrust extends ServerTrust {
  readonly cluster: string;
}

/** Names of a broker that is dialled so, as TLS goes by them. */
export function brokerNames(
  addresses: readonly string[],
  serverName: string | undefined,
): ServerTrust['names'] {
  return serverName === undefined ? addresses.map((address) => parseHostPort(address).host) : [serverName];
}

/**
 * What was signed, once a broker has signed it for this cluster: it does not matter who sent it or where it was kept. Whether it is out of date is the
 * caller's to ask each time it is used. Throws `credential_*` with the rule, or `internal` for what is no set.
 */
export function openMatchers(
  { set, signature, certificates }: SignedMatchers,
  { cluster, ...trust }: MatchersTrust,
): DatedMatchers {
  const fields = readFields(set);
  const issuedAt = numberAt(fields, 3);
  // A certificate may have lapsed since then, while no broker could be asked.
  const signer = verifyServerChain(certificates, trust, issuedAt);
  if (!isMatchersSignature(signature, set, signer.publicKey))
    throw new LeaseholdError('credential_bad_signature', {
      detail: 'the signature is not that of the certificate',
    });
  // Brokers of several clusters sign for all of them.
  if (textAt(fields, 1) !== cluster)
    throw new LeaseholdError('credential_wrong_audience', { detail: 'it is about another cluster' });
  return { issuedAt, matchers: matchersAt(fields, 4) };
}

/** What a broker has sent just now. Throws as `openMatchers` does, and `credential_expired` for what is out of date as it comes. */
export function acceptMatchers(
  signed: SignedMatchers,
  { now, ...trust }: MatchersTrust & { readonly now: number },
): DatedMatchers {
  const opened = openMatchers(signed, trust);
  if (areOutOfDate(opened, now))
    throw new LeaseholdError('credential_expired', { detail: 'by its date, the clocks are far apart' });
  return opened;
}

export function matchersAt(fields: Fields, number: number): readonly RunMatcher[] {
  return messagesAt(fields, number).map((matcher) => ({
    users: textsAt(matcher, 2),
    groups: textsAt(matcher, 3),
    partitions: textsAt(matcher, 4),
    accounts: textsAt(matcher, 5),
    qos: textsAt(matcher, 6),
    nodes: textsAt(matcher, 7),
    ...(hasField(matcher, 8) ? { array: flagAt(matcher, 8) } : {}),
  }));
}

const version = 2;

/** Of the file that it is kept in. */
export function encodeSigned({ set, signature, certificates }: SignedMatchers): string {
  const base64 = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64');
  const text = { set: base64(set), signature: base64(signature), certificates: certificates.map(base64) };
  return `${JSON.stringify({ version, ...text })}\n`;
}

/** Throws `credential_malformed` for anything that this version has not written itself; earlier ones kept no signature. */
export function decodeSigned(text: string): SignedMatchers {
  const found = parseJson(text);
  const at = (key: string): unknown =>
    typeof found === 'object' && found !== null && key in found
      ? (found as Readonly<Record<string, unknown>>)[key]
      : undefined;
  const list = at('certificates');
  if (at('version') !== version || !Array.isArray(list)) throw unsigned();
  return {
    set: bytesOf(at('set')),
    signature: bytesOf(at('signature')),
    certificates: list.map(bytesOf),
  };
}

function bytesOf(value: unknown): Uint8Array {
  if (typeof value !== 'string') throw unsigned();
  const bytes = Buffer.from(value, 'base64');
  // Node passes over what is not of the alphabet.
  if (bytes.toString('base64') !== value) throw unsigned();
  return bytes;
}

function unsigned(): LeaseholdError {
  return new LeaseholdError('credential_malformed', { detail: 'it is nothing that a broker has signed' });
}
