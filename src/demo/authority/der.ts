/** The few DER encodings (ITU-T X.690) that a certificate is made of. Encoding only: nothing here reads DER. */

const element = (tag: number, content: Uint8Array): Buffer => {
  const { length } = content;
  if (length < 0x80) return Buffer.concat([Buffer.from([tag, length]), content]);
  const bytes = Buffer.from(length.toString(16).padStart(length > 0xff ? 4 : 2, '0'), 'hex');
  return Buffer.concat([Buffer.from([tag, 0x80 | bytes.length]), bytes, content]);
};

const base128 = (value: number): readonly number[] =>
  value < 0x80 ? [value] : [...base128(Math.floor(value / 0x80)).map((byte) => byte | 0x80), value & 0x7f];

const twoDigits = (value: number): string => String(value).padStart(2, '0');

export const der = {
  sequence: (...items: readonly Uint8Array[]) => element(0x30, Buffer.concat(items)),
  set: (...items: readonly Uint8Array[]) => element(0x31, Buffer.concat(items)),
  /** A non-negative integer from its big-endian bytes. */
  integer: (bytes: Uint8Array) =>
    element(0x02, (bytes[0] ?? 0) >= 0x80 ? Buffer.concat([Buffer.from([0]), bytes]) : bytes),
  boolean: (value: boolean) => element(0x01, Buffer.from([value ? 0xff : 0])),
  octets: (bytes: Uint8Array) => element(0x04, bytes),
  bits: (bytes: Uint8Array, unused = 0) => element(0x03, Buffer.concat([Buffer.from([unused]), bytes])),
  text: (value: string) => element(0x0c, Buffer.from(value, 'utf8')),
  /** An object identifier from its dotted form. */
  oid: (dotted: string) => {
    const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number);
    return element(0x06, Buffer.from([first * 40 + second, ...rest.flatMap(base128)]));
  },
  /** UTCTime: good for the years 1950 to 2049. */
  time: (date: Date) => {
    const fields = [date.getUTCFullYear() % 100, date.getUTCMonth() + 1, date.getUTCDate()].concat([
      date.getUTCHours(),
      date.getUTCMinutes(),
      date.getUTCSeconds(),
    ]);
    return element(0x17, Buffer.from(`${fields.map(twoDigits).join('')}Z`, 'ascii'));
  },
  /** A context-specific tag around whole elements (explicit tagging). */
  explicit: (tag: number, ...items: readonly Uint8Array[]) => element(0xa0 | tag, Buffer.concat(items)),
  /** A context-specific tag in place of a primitive's own (implicit tagging). */
  implicit: (tag: number, content: Uint8Array) => element(0x80 | tag, content),
} as const;
