import type { PeerCertificate } from 'node:tls';
import { uriNames } from '../platform/certificate-uris.ts';

export type AdminRight = 'view' | 'revoke' | 'settle' | 'enrol';

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
  ListCanaries: 'view',
  RunCanary: 'revoke',
  WriteOff: 'settle',
  MakeEnrolmentTokens: 'enrol',
  ListEnrolmentTokens: 'view',
  WithdrawEnrolmentTokens: 'enrol',
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
