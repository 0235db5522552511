import { randomBytes } from 'node:crypto';

/** RFC 4648 letters, lower case: no padding, safe in file names, URLs and shell words. */
const alphabet = 'abcdefghijklmnopqrstuvwxyz234567';

const length = 26;

/** `prefix` and 26 characters of lower-case base32: 130 random bits, so ids can be neither guessed nor repeated. */
export function randomId(prefix: string): string {
  let id = prefix;
  // 256 is a multiple of 32, so the low five bits of a random byte favour no letter.
  for (const byte of randomBytes(length)) id += alphabet.charAt(byte & 31);
  return id;
}
