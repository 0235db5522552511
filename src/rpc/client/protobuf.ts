import { LeaseholdError } from '../../platform/error.ts';

/**
 * The little of the Protocol Buffers wire format that a holder needs, after the published encoding guide. A reflecting
 * library costs several megabytes in every sidecar, and a holder speaks fifteen message types.
 */

const wireVarint = 0;
const wire64 = 1;
const wireLength = 2;
const wire32 = 5;
const maxVarintBytes = 10;

/** Values of one message by field number, in the order they came. Lengths are views into the message. */
export type Fields = ReadonlyMap<number, readonly (bigint | Uint8Array)[]>;

/** Throws `internal` for bytes that are no message; unknown fields are read like all others. */
export function readFields(message: Uint8Array): Fields {
  const fields = new Map<number, (bigint | Uint8Array)[]>();
  let offset = 0;

  const varint = (): bigint => {
    let value = 0n;
    for (let index = 0; index < maxVarintBytes; index += 1) {
      const byte = message[offset];
      if (byte === undefined) throw malformed();
      offset += 1;
      value |= BigInt(byte & 0x7f) << BigInt(index * 7);
      if (byte < 0x80) return BigInt.asUintN(64, value);
    }
    throw malformed();
  };
  const take = (length: number): Uint8Array => {
    if (length > message.byteLength - offset) throw malformed();
    offset += length;
    return message.subarray(offset - length, offset);
  };

  while (offset < message.byteLength) {
    const tag = varint();
    const number = Number(tag >> 3n);
    if (number < 1 || number > 0x1fffffff) throw malformed();
    const wire = Number(tag & 7n);
    let value: bigint | Uint8Array;
    if (wire === wireVarint) value = varint();
    else if (wire === wireLength) value = take(Number(varint()));
    else if (wire === wire64) value = take(8);
    else if (wire === wire32) value = take(4);
    else throw malformed();
    const values = fields.get(number);
    if (values === undefined) fields.set(number, [value]);
    else values.push(value);
  }
  return fields;
}

const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Of a repeated single field the last one counts. Missing is undefined, so that a default is the caller's. */
function last(fields: Fields, number: number): bigint | Uint8Array | undefined {
  return fields.get(number)?.at(-1);
}

export function messageAt(fields: Fields, number: number): Fields | undefined {
  const value = last(fields, number);
  if (value === undefined) return undefined;
  return readFields(asBytes(value));
}

export function messagesAt(fields: Fields, number: number): readonly Fields[] {
  return (fields.get(number) ?? []).map((value) => readFields(asBytes(value)));
}

/** A copy: the message it came in is overwritten after reading. */
export function bytesAt(fields: Fields, number: number): Uint8Array {
  const value = last(fields, number);
  return value === undefined ? new Uint8Array(0) : Uint8Array.from(asBytes(value));
}

/** All of a repeated field, as `bytesAt`. */
export function bytesListAt(fields: Fields, number: number): readonly Uint8Array[] {
  return (fields.get(number) ?? []).map((value) => Uint8Array.from(asBytes(value)));
}

export function textAt(fields: Fields, number: number): string {
  const value = last(fields, number);
  return value === undefined ? '' : decodeText(value);
}

export function textsAt(fields: Fields, number: number): readonly string[] {
  return (fields.get(number) ?? []).map(decodeText);
}

function decodeText(value: bigint | Uint8Array): string {
  try {
    return strictUtf8.decode(asBytes(value));
  } catch {
    throw malformed();
  }
}

/** For 64-bit values too: every one of ours is a time or a count far below 2^53. */
export function numberAt(fields: Fields, number: number): number {
  const value = last(fields, number);
  if (value === undefined) return 0;
  if (typeof value !== 'bigint') throw malformed();
  return Number(BigInt.asIntN(64, value));
}

export function flagAt(fields: Fields, number: number): boolean {
  return numberAt(fields, number) !== 0;
}

export function hasField(fields: Fields, number: number): boolean {
  return fields.has(number);
}

/** One length-delimited field: bytes, a text or a message. Empty ones are left out, as proto3 does. */
export function lengthField(number: number, content: Uint8Array | string): Uint8Array {
  const bytes = typeof content === 'string' ? Buffer.from(content, 'utf8') : content;
  if (bytes.byteLength === 0) return bytes;
  return messageField(number, bytes);
}

/** A message that is there even when it is empty. */
export function messageField(number: number, bytes: Uint8Array): Uint8Array {
  return Buffer.concat([varintBytes((number << 3) | wireLength), varintBytes(bytes.byteLength), bytes]);
}

/** One whole number from 0, there even when it is 0. */
export function numberField(number: number, value: number): Uint8Array {
  return Buffer.concat([varintBytes((number << 3) | wireVarint), varintBytes(value)]);
}

function varintBytes(value: number): Uint8Array {
  const bytes: number[] = [];
  let rest = value;
  while (rest > 0x7f) {
    bytes.push((rest & 0x7f) | 0x80);
    rest = Math.floor(rest / 128);
  }
  bytes.push(rest);
  return Uint8Array.from(bytes);
}

function asBytes(value: bigint | Uint8Array): Uint8Array {
  if (typeof value === 'bigint') throw malformed();
  return value;
}

function malformed(): LeaseholdError {
  return new LeaseholdError('internal', { detail: 'a message of the broker is not well formed' });
}
