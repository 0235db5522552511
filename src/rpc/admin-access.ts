import type { PeerCertificate } from 'node:tls';

export type AdminRight = 'view' | 'revoke' | 'settle';

/** Who may connect, from the configuration. */
export interface AdminClient {
  readonly name: string;
  readonly match: { readonly commonName: string } | { readonly uri: string };
  readonly rights: readonly AdminRight[];
}

/** The right each method needs; a guard test compares this table with the API. */
export const rightOf = {
  ListSessions: 'view',
  GetSession: 'view',
  WatchSessions: 'view',
  RevokeSessions: 'revoke',
  RotateSessions: 'revoke',
  AddLock: 'revoke',
  RemoveLock: 'revoke',
  ListLocks: 'view',
  Explain: 'view',
  ListTombstones: 'view',
  LiftTombstone: 'settle',
  WriteOff: 'settle',
} as const satisfies Readonly<Record<string, AdminRight>>;

export type AdminMethod = keyof typeof rightOf;

/** The configured client that this verified certificate is, by exact match; undefined for anybody else. */
export function findAdminClient(
  clients: readonly AdminClient[],
  certificate: Pick<PeerCertificate, 'subject' | 'subjectaltname'> | undefined,
): AdminClient | undefined {
  if (certificate === undefined) return undefined;
  // A subject with several common names is a list here, and matches nothing.
  const commonName: unknown = certificate.subject.CN;
  const uris = uriNames(certificate.subjectaltname ?? '');
  return clients.find(({ match }) =>
    'commonName' in match ? match.commonName === commonName : uris.includes(match.uri),
  );
}

/** One name of the list that Node makes of the extension: `kind:value`, the value as a JSON string where it holds anything odd. */
const alternativeName = /([A-Za-z ]+):("(?:[^"\\]|\\.)*"|[^",]*)(?:, |$)/y;

/**
 * URIs among a certificate's names. A quoted value is skipped as a whole: splitting at commas would let a URI that contains
 * `, URI:...` pass for two. What cannot be read to the end has no names at all.
 */
export function uriNames(list: string): readonly string[] {
  const found: string[] = [];
  let at = 0;
  while (at < list.length) {
    alternativeName.lastIndex = at;
    const match = alternativeName.exec(list);
    if (match === null) return [];
    const [whole, kind, value = ''] = match;
    if (kind === 'URI' && !value.startsWith('"')) found.push(value);
    at += whole.length;
  }
  return found;
}
