import { parseJson, readArray, readRecord } from './json-shape.ts';
import type { FileContent, FileSpec, OutagePolicy } from '../../src/rpc/client/hold-messages.ts';
import type { RawSecrets } from './render.ts';

/**
 * What a holder keeps beside the files of a generation, where only it can read: enough to resume the session after a
 * restart, and the raw values from which "unchanged" secrets are rendered again.
 */
export interface KeptState {
  readonly session: string;
  readonly requestKey: string;
  readonly generation: { readonly id: string; readonly number: number };
  readonly leased: boolean;
  readonly outage: OutagePolicy;
  readonly files: readonly FileSpec[];
  readonly secrets: RawSecrets;
}

const version = 1;

export function encodeKeptState(state: KeptState): Buffer {
  return Buffer.from(
    JSON.stringify({
      version,
      session: state.session,
      requestKey: state.requestKey,
      generation: state.generation,
      leased: state.leased,
      outage: state.outage,
      files: state.files,
      // Pairs, not objects: a field may have any name, `__proto__` too.
      secrets: [...state.secrets].map(([name, fields]) => [
        name,
        [...fields].map(([field, value]) => [field, Buffer.from(value).toString('base64')]),
      ]),
    }),
    'utf8',
  );
}

/** Undefined for anything this version has not written itself: the files then count as lost and are asked for anew. */
export function decodeKeptState(bytes: Uint8Array): KeptState | undefined {
  const parsed = parseJson(bytes);
  const state = readRecord(parsed);
  const generation = readRecord(state?.['generation']);
  const outage = readRecord(state?.['outage']);
  const files = readArray(state?.['files'], fileSpec);
  const secrets = readArray(state?.['secrets'], secretPair);
  if (state?.['version'] !== version || files === undefined || secrets === undefined) return undefined;
  const { session, requestKey, leased } = state;
  if (typeof session !== 'string' || typeof requestKey !== 'string' || typeof leased !== 'boolean')
    return undefined;
  const id = generation?.['id'];
  const number = generation?.['number'];
  if (typeof id !== 'string' || typeof number !== 'number') return undefined;
  const mode = outage?.['mode'];
  const afterSeconds = outage?.['afterSeconds'];
  if ((mode !== 'keep' && mode !== 'not_ready' && mode !== 'wipe') || typeof afterSeconds !== 'number') {
    return undefined;
  }
  return {
    session,
    requestKey,
    generation: { id, number },
    leased,
    outage: { mode, afterSeconds },
    files,
    secrets: new Map(secrets),
  };
}

function secretPair(value: unknown): [string, ReadonlyMap<string, Uint8Array>] | undefined {
  if (!Array.isArray(value) || typeof value[0] !== 'string') return undefined;
  const fields = readArray(value[1], (pair): [string, Uint8Array] | undefined =>
    Array.isArray(pair) && typeof pair[0] === 'string' && typeof pair[1] === 'string'
      ? [pair[0], Buffer.from(pair[1], 'base64')]
      : undefined,
  );
  return fields === undefined ? undefined : [value[0], new Map(fields)];
}

function fileSpec(value: unknown): FileSpec | undefined {
  const file = readRecord(value);
  const content = fileContent(file?.['content']);
  const path = file?.['path'];
  const mode = file?.['mode'];
  const uid = file?.['uid'];
  const gid = file?.['gid'];
  if (content === undefined || typeof path !== 'string' || typeof mode !== 'number') return undefined;
  return {
    path,
    mode,
    content,
    ...(typeof uid === 'number' ? { uid } : {}),
    ...(typeof gid === 'number' ? { gid } : {}),
  };
}

function fileContent(value: unknown): FileContent | undefined {
  const content = readRecord(value);
  const format = content?.['format'];
  const secret = content?.['secret'];
  const field = content?.['field'];
  const template = content?.['template'];
  if (format === 'template') return typeof template === 'string' ? { format, template } : undefined;
  if (typeof secret !== 'string') return undefined;
  if (format === 'raw') return typeof field === 'string' ? { format, secret, field } : undefined;
  return format === 'json' || format === 'dotenv' ? { format, secret } : undefined;
}
