import { LeaseholdError } from '../platform/error.ts';

/** What a hook of the scheduler asks for, as it came: every value is still a text. */
export interface HookRequest {
  readonly verb: string;
  readonly variables: ReadonlyMap<string, string>;
}

export const hookLimits = { maxBytes: 4 * 1024 * 1024, maxVariables: 64 } as const;

const head = /^leasehold\/1 ([a-z]{1,16})$/;
const variableName = /^[A-Z][A-Z0-9_]{0,63}$/;
const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * Takes in one request, `leasehold/1 VERB LF (NAME=value NUL)* NUL`, piece by piece. Undefined until it is whole; throws `request_invalid` for
 * anything else, for more than the limits, and for bytes that follow it.
 */
export function createRequestReader(): (chunk: Uint8Array) => HookRequest | undefined {
  const pieces: Uint8Array[] = [];
  let size = 0;
  return (chunk) => {
    pieces.push(chunk);
    size += chunk.byteLength;
    if (size > hookLimits.maxBytes) throw invalid('the request is too large');
    // A request ends with NUL. Joining the pieces only then keeps one of many pieces from costing their square.
    if (chunk.at(-1) !== 0) {
      if (pieces.length === 1 && chunk.byteLength > 64 && chunk.indexOf(0x0a) === -1)
        throw invalid('the request does not begin as one');
      return undefined;
    }
    const bytes = Buffer.concat(pieces);
    const lineEnd = bytes.indexOf(0x0a);
    if (lineEnd === -1) {
      if (bytes.byteLength > 64) throw invalid('the request does not begin as one');
      return undefined;
    }
    const verb = head.exec(bytes.toString('latin1', 0, lineEnd))?.[1];
    if (verb === undefined) throw invalid('the request does not begin as one');
    // The empty variable ends it: right after the first line, or after another one.
    const end = bytes[lineEnd + 1] === 0 ? lineEnd : bytes.indexOf('\0\0', lineEnd + 1, 'latin1');
    if (end === -1) return undefined;
    if (end + 2 !== bytes.byteLength) throw invalid('bytes follow the request');
    return { verb, variables: readVariables(bytes.subarray(lineEnd + 1, Math.max(end, lineEnd + 1))) };
  };
}

function readVariables(body: Buffer): ReadonlyMap<string, string> {
  const variables = new Map<string, string>();
  for (const entry of body.byteLength === 0 ? [] : decode(body).split('\0')) {
    const equals = entry.indexOf('=');
    const key = entry.slice(0, Math.max(0, equals));
    if (!variableName.test(key)) throw invalid('a variable has no proper name');
    // Two of one name could be read as one by a check and as the other by a use.
    if (variables.has(key)) throw invalid('a variable stands twice');
    if (variables.size === hookLimits.maxVariables) throw invalid('too many variables');
    variables.set(key, entry.slice(equals + 1));
  }
  return variables;
}

function decode(body: Buffer): string {
  try {
    return strictUtf8.decode(body);
  } catch {
    throw invalid('a variable is not UTF-8');
  }
}

function invalid(detail: string): LeaseholdError {
  return new LeaseholdError('request_invalid', { detail });
}
