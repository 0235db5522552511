import { LeaseholdError } from '../../platform/error.ts';
import type { RawReply } from './http-sender.ts';

/**
 * The texts that, alone in a 400, mean "gone". Everything else that a 400 says (a database that is down, for example) is a
 * failure, and must never be taken for an absence.
 */
const goneTexts: ReadonlySet<string> = new Set(['invalid lease', 'lease not found', 'invalid accessor']);

const sealedTexts: ReadonlySet<string> = new Set(['Vault is sealed', 'OpenBao is sealed']);

/** What a reply says: a body, nothing, or "the lease or accessor that you name is gone". */
export type JudgedReply =
  { readonly kind: 'body'; readonly body: object } | { readonly kind: 'empty' } | { readonly kind: 'gone' };

const longestRetryAfterMs = 10 * 60 * 1000;

/**
 * Judges status, content type and shape; throws `backend_*` with our own words only, since bodies of errors can quote
 * requests. `missing` is the code of a 404: for a read it is an answer, for a system path it means that the path itself
 * does not exist (a wrong namespace, say), which proves nothing about a lease.
 */
export function judgeReply(
  reply: RawReply,
  options: { readonly missing: 'backend_not_found' | 'backend_rejected' },
): JudgedReply {
  const { status } = reply;
  const fault = (code: ConstructorParameters<typeof LeaseholdError>[0], rule = '') =>
    new LeaseholdError(code, { detail: `status ${status}${rule}` });
  if (status === 204) return { kind: 'empty' };
  if (status >= 300 && status < 400) throw fault('backend_reply_invalid', ': redirects are refused');
  // A gateway that gave up does not know whether the backend did what it was asked.
  if (status === 502 || status === 504) throw fault('backend_lost_reply');
  if (status === 429)
    throw new LeaseholdError('backend_throttled', {
      detail: 'status 429',
      ...retryAfter(reply.headers['retry-after']),
    });
  const body = parseJson(reply);
  if (status === 503) throw fault(isSealed(body) ? 'backend_sealed' : 'backend_unavailable');
  if (body === undefined) throw fault('backend_reply_invalid', ': the body is not a JSON object');
  switch (status) {
    case 200:
      return { kind: 'body', body };
    case 400:
      if (isGone(body)) return { kind: 'gone' };
      throw fault('backend_rejected');
    case 403:
      throw fault('backend_denied');
    case 404:
      throw fault(options.missing);
    // Not initialised, and "ask again" of a replica that is behind or of a secondary.
    case 412:
    case 472:
    case 473:
    case 501:
      throw fault('backend_unavailable');
    default:
      throw fault(status >= 400 && status < 600 ? 'backend_rejected' : 'backend_reply_invalid');
  }
}

/** A JSON object, or undefined. The bytes are overwritten; the strings made of them cannot be. */
function parseJson(reply: RawReply): object | undefined {
  const type = reply.headers['content-type']?.split(';')[0]?.trim().toLowerCase();
  try {
    if (type !== 'application/json') return undefined;
    const parsed: unknown = JSON.parse(reply.body.toString('utf8'), keepLongNumbers);
    return typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed) ? parsed : undefined;
  } catch {
    // The message of a JSON error quotes the text.
    return undefined;
  } finally {
    reply.body.fill(0);
  }
}

/** A number that a double cannot hold keeps its text: a secret must not change on its way through. */
function keepLongNumbers(_key: string, value: unknown, context?: { readonly source?: string }): unknown {
  if (typeof value !== 'number' || context?.source === undefined || String(value) === context.source)
    return value;
  return rawJson(context.source);
}

/** `JSON.rawJSON` of the runtime, which the compiler's library does not describe yet. */
function rawJson(text: string): unknown {
  const make: unknown = Reflect.get(JSON, 'rawJSON');
  return typeof make === 'function' ? Reflect.apply(make, JSON, [text]) : text;
}

function errorTexts(body: object): readonly string[] {
  const errors: unknown = 'errors' in body ? body.errors : undefined;
  return Array.isArray(errors) ? errors.filter((each) => typeof each === 'string') : [];
}

/** Exactly one error, alone or as the one item of the list that Go's multierror prints. */
function isGone(body: object): boolean {
  const [text, ...more] = errorTexts(body);
  if (text === undefined || more.length > 0) return false;
  const listed = /^1 error occurred:\n\t\* ([^\n]+)\n*$/.exec(text)?.[1];
  return goneTexts.has(listed ?? text);
}

function isSealed(body: object | undefined): boolean {
  if (body === undefined) return false;
  if ('sealed' in body && body.sealed === true) return true;
  return errorTexts(body).some((text) => sealedTexts.has(text));
}

/** Seconds only: the form with a date would need a clock that both sides share. */
function retryAfter(header: string | undefined): { readonly retryAfterMs?: number } {
  if (header === undefined || !/^\d{1,6}$/.test(header)) return {};
  return { retryAfterMs: Math.min(Number(header) * 1000, longestRetryAfterMs) };
}
