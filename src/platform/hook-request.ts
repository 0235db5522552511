import { LeaseholdError } from './error.ts';

/** What a hook of the scheduler asks for, as it came: every value is still a text. */
export interface HookRequest {
  readonly verb: string;
  readonly variables: ReadonlyMap<string, string>;
}

export const hookLimits = { maxBytes: 4 * 1024 * 1024, maxVariables: 64 } as const;

const head = /^leasehold\/1 ([a-z]{1,16})$/;
const variableName = /^[A-Z][A-Z0-9_]{0,63}$/;
/** Bytes of a first line that is none of ours. */
const longestHead = 64;
/** A job must not fail for what its user wrote there. Bytes that are no UTF-8 become a sign that no name of a bundle or an account has. */
const writtenByUsers: ReadonlySet<string> = new Set([
  'SPANK_LEASEHOLD',
  'SLURM_JOB_COMMENT',
  'SLURM_JOB_ACCOUNT',
]);
const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * Takes in one request, `leasehold/1 VERB LF (NAME=value NUL)* NUL`, piece by piece. Undefined until it is whole; throws `request_invalid` for
 * anything else, for more than the limits, and for bytes that follow it.
 */
export function createRequestReader(): (chunk: Uint8Array) => HookRequest | undefined {
  const pieces: Uint8Array[] = [];
  let size = 0;
  let verb: string | undefined;
  /** Where the variables begin. */
  let body = 0;
  let last = -1;
  return (chunk) => {
    // Joining the pieces only where they may end keeps one of many pieces from costing their square.
    const mayEnd =
      verb === undefined ||
      (chunk[0] === 0 && (last === 0 || size === body)) ||
      Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength).includes('\0\0', 0, 'latin1');
    pieces.push(chunk);
    size += chunk.byteLength;
    last = chunk.at(-1) ?? last;
    if (size > hookLimits.maxBytes) throw invalid('the request is too large');
    if (!mayEnd) return undefined;
    const bytes = Buffer.concat(pieces);
    if (verb === undefined) {
      const lineEnd = bytes.indexOf(0x0a);
      if (lineEnd === -1 && bytes.byteLength <= longestHead) return undefined;
      verb = head.exec(bytes.toString('latin1', 0, Math.max(lineEnd, 0)))?.[1];
      if (verb === undefined) throw invalid('the request does not begin as one');
      body = lineEnd + 1;
    }
    // The empty variable ends it: right after the first line, or after another one.
    const end = bytes[body] === 0 ? body - 1 : bytes.indexOf('\0\0', body, 'latin1');
    if (end === -1) return undefined;
    if (end + 2 !== bytes.byteLength) throw invalid('bytes follow the request');
    return { verb, variables: readVariables(bytes.subarray(body, Math.max(end, body))) };
  };
}

function readVariables(body: Buffer): ReadonlyMap<string, string> {
  const variables = new Map<string, string>();
  for (let from = 0; from < body.byteLength;) {
    const end = body.indexOf(0, from);
    const entry = body.subarray(from, end === -1 ? body.byteLength : end);
    from += entry.byteLength + 1;
    const equals = Math.max(0, entry.indexOf('='));
    const key = entry.toString('latin1', 0, equals);
    if (!variableName.test(key)) throw invalid('a variable has no proper name');
    // Two of one name could be read as one by a check and as the other by a use.
    if (variables.has(key)) throw invalid('a variable stands twice');
    if (variables.size === hookLimits.maxVariables) throw invalid('too many variables');
    variables.set(key, decode(key, entry.subarray(equals + 1)));
  }
  return variables;
}

function decode(key: string, value: Buffer): string {
  try {
    return strictUtf8.decode(value);
  } catch {
    // Two names of another variable must not become one.
    if (!writtenByUsers.has(key)) throw invalid('a variable is not UTF-8');
    return value.toString('utf8');
  }
}

function invalid(detail: string): LeaseholdError {
  return new LeaseholdError('request_invalid', { detail });
}
