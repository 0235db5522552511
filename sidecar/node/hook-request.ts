import { LeaseholdError } from '../../src/platform/error.ts';

/** What a hook of the scheduler asks for, as it came: every value is still a text. */
export interface HookRequest {
  readonly verb: string;
  readonly variables: ReadonlyMap<string, string>;
}

/** The job that a hook speaks of, as slurmd told it to the hook. */
export interface SeenJob {
  readonly cluster: string;
  readonly node: string;
  readonly job: number;
  readonly uid: number;
  readonly gid: number;
  /** Right in a prolog; at the end of a run that is requeued it is that of the next one. */
  readonly restarts: number | undefined;
  /** Seconds since the Unix epoch, where this Slurm tells nodes. */
  readonly start: number | undefined;
  readonly sluid: string | undefined;
}

export const hookLimits = { maxBytes: 65_536, maxVariables: 64 } as const;

const head = /^leasehold\/1 ([a-z]{1,16})$/;
const variableName = /^[A-Z][A-Z0-9_]{0,63}$/;
const name = /^[A-Za-z0-9._-]{1,255}$/;
const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * Takes in one request, `leasehold/1 VERB LF (NAME=value NUL)* NUL`, piece by piece. Undefined until it is whole; throws `request_invalid` for
 * anything else, for more than the limits, and for bytes that follow it.
 */
export function createRequestReader(): (chunk: Uint8Array) => HookRequest | undefined {
  let bytes = Buffer.alloc(0);
  return (chunk) => {
    if (bytes.byteLength + chunk.byteLength > hookLimits.maxBytes) throw invalid('the request is too large');
    bytes = Buffer.concat([bytes, chunk]);
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

/** Throws `request_invalid` when a variable that is needed is missing, or one does not look as Slurm writes it. */
export function readSeenJob({ variables }: HookRequest): SeenJob {
  const whole = (key: string, min: number, max: number): number | undefined => {
    const text = variables.get(key) ?? '';
    if (text === '') return undefined;
    const value = /^(0|[1-9][0-9]{0,15})$/.test(text) ? Number(text) : -1;
    if (value < min || value > max) throw invalid(`${key} is not a number in its range`);
    return value;
  };
  const named = (key: string): string | undefined => {
    const text = variables.get(key) ?? '';
    if (text === '') return undefined;
    if (!name.test(text)) throw invalid(`${key} is not a proper name`);
    return text;
  };
  const needed = <T>(key: string, value: T | undefined): T => {
    if (value === undefined) throw invalid(`${key} is missing`);
    return value;
  };
  const maxId = 4_294_967_294;
  const start = whole('SLURM_JOB_START_TIME', 0, 2 ** 40);
  return {
    cluster: needed('SLURM_CLUSTER_NAME', named('SLURM_CLUSTER_NAME')),
    node: needed('SLURMD_NODENAME', named('SLURMD_NODENAME')),
    job: needed('SLURM_JOB_ID', whole('SLURM_JOB_ID', 1, maxId)),
    uid: needed('SLURM_JOB_UID', whole('SLURM_JOB_UID', 0, maxId)),
    gid: needed('SLURM_JOB_GID', whole('SLURM_JOB_GID', 0, maxId)),
    restarts: whole('SLURM_JOB_RESTART_COUNT', 0, 2 ** 31),
    start: start === 0 ? undefined : start,
    sluid: named('SLURM_JOB_SLUID'),
  };
}

function invalid(detail: string): LeaseholdError {
  return new LeaseholdError('request_invalid', { detail });
}
