import { DatabaseError } from 'pg';
import { type ErrorCode, LeaseholdError } from '../../platform/error.ts';

interface Meaning {
  readonly code: ErrorCode;
  /** What it is and what to do, in our own words: messages of the server quote values. */
  readonly says: string;
}

const unavailable = (says: string): Meaning => ({ code: 'ledger_unavailable', says });
const unusable = (says: string): Meaning => ({ code: 'ledger_unusable', says });

/** SQLSTATE, or its class (the first two characters). https://www.postgresql.org/docs/current/errcodes-appendix.html */
const states: Readonly<Record<string, Meaning>> = {
  '08': unavailable('the connection failed'),
  '22021': { code: 'request_invalid', says: 'a text has a character that the database cannot store' },
  '22P05': { code: 'request_invalid', says: 'a text has a character that the database cannot store' },
  '23': { code: 'ledger_conflict', says: 'a constraint forbids it' },
  '25006': unavailable('the database is read-only: ledger.postgres must lead to the primary'),
  '25P': unavailable('the transaction stood still for too long'),
  '26000': unusable('a pooler between broker and database shares sessions: connect without it'),
  '28': unusable('the server refused the log-in: check user, passwordFile and pg_hba.conf'),
  '3D000': unusable('no such database: create it'),
  '3F000': unusable('no such schema: it was never migrated, or was dropped'),
  '40': unavailable('transactions kept colliding'),
  '42': unusable('the schema is not the one that was migrated'),
  '42501': unusable('the role lacks a right in the schema: grant it'),
  '53': unavailable('the server is out of resources'),
  '53100': unavailable('the disk of the database is full: make room'),
  '53200': unavailable('the server is out of memory'),
  '53300': unavailable(
    'the server has no connection left: raise max_connections or lower ledger.postgres.pool.size',
  ),
  '55P03': unavailable('another transaction held a lock for too long'),
  '57014': unavailable('the statement took too long'),
  '57P': unavailable('the server is starting up or going down'),
  '58': unavailable('the server has an input or output error'),
  XX001: unusable('the database is damaged: restore it'),
  XX002: unusable('an index is damaged: reindex'),
};

/** Codes of Node's network and TLS layer. */
const systemCodes: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nothing listens at that address',
  ECONNRESET: 'the connection broke',
  EPIPE: 'the connection broke',
  ETIMEDOUT: 'the connection timed out',
  EHOSTUNREACH: 'the host cannot be reached',
  ENETUNREACH: 'the network cannot be reached',
  ENOENT: 'no socket in that folder',
  EACCES: 'the socket may not be opened',
  ENOTFOUND: 'the name of the host is not known',
  EAI_AGAIN: 'the name of the host cannot be looked up now',
  CERT_HAS_EXPIRED: "the server's certificate has expired",
  CERT_NOT_YET_VALID: "the server's certificate is not valid yet",
  DEPTH_ZERO_SELF_SIGNED_CERT: "the server's certificate is not of a trusted authority: set tls.ca",
  SELF_SIGNED_CERT_IN_CHAIN: "the server's certificate is not of a trusted authority: set tls.ca",
  UNABLE_TO_GET_ISSUER_CERT: "the server's certificate is not of a trusted authority: set tls.ca",
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: "the server's certificate is not of a trusted authority: set tls.ca",
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: "the server's certificate is not of a trusted authority: set tls.ca",
  ERR_TLS_CERT_ALTNAME_INVALID: "the server's certificate has another name: set host or tls.servername",
};

/** The driver's own errors have neither. */
const driverMessages: readonly (readonly [RegExp, string])[] = [
  [/^timeout exceeded when trying to connect/, 'no connection was free in time'],
  [/timeout/i, 'the server did not answer in time'],
  [/does not support SSL/, 'the server does not offer TLS: enable it there'],
  [/^SASL|password/i, 'the log-in could not be completed: check passwordFile'],
  [/terminated|not queryable|connection error/i, 'the connection broke'],
];

/** Not the one that says that no connection was free: that has been waited for already. */
const brokenDriver = /terminated|not queryable|connection error|timeout expired|read timeout/i;

/** 0A000: a statement that was planned before another broker added a column; a new connection plans it anew. */
const lostStates = ['08', '57P', '25P03', '25P04', '0A000'];

/** SQLSTATE of an error of the server. */
export function stateOf(error: unknown): string | undefined {
  return error instanceof DatabaseError ? error.code : undefined;
}

/** Deadlock or serialization failure: nothing happened, and the whole transaction may be tried again. */
export function isCollision(error: unknown): boolean {
  return stateOf(error)?.startsWith('40') === true;
}

/** True when the connection is gone or of no more use, as opposed to a statement that the server refused. */
export function isConnectionLost(error: unknown): boolean {
  if (error instanceof LeaseholdError) return false;
  const state = stateOf(error);
  if (state !== undefined) return lostStates.some((lost) => state.startsWith(lost));
  return error instanceof Error && ('code' in error || brokenDriver.test(error.message));
}

/** Messages of the server and of the driver quote SQL, values and addresses; only the SQLSTATE and our own words pass. */
export function wrapPostgresError(error: unknown, doing: string): LeaseholdError {
  if (error instanceof LeaseholdError) return error;
  const state = stateOf(error);
  if (state !== undefined) {
    const meaning = states[state] ?? states[state.slice(0, 3)] ?? states[state.slice(0, 2)];
    const detail = `${doing}: ${meaning?.says ?? 'the server refused'} (SQLSTATE ${state})`;
    return new LeaseholdError(meaning?.code ?? 'internal', { detail, cause: error });
  }
  if (!(error instanceof Error)) return new LeaseholdError('internal', { detail: doing, cause: error });
  const code = 'code' in error ? String(error.code) : '';
  const says =
    systemCodes[code] ?? driverMessages.find(([pattern]) => pattern.test(error.message))?.[1] ?? undefined;
  if (says !== undefined)
    return new LeaseholdError('ledger_unavailable', { detail: `${doing}: ${says}`, cause: error });
  // Errors of the network and of TLS have a code; what has none is a fault of ours.
  return new LeaseholdError(code === '' ? 'internal' : 'ledger_unavailable', {
    detail: code === '' ? doing : `${doing}: the connection failed (${code})`,
    cause: error,
  });
}
