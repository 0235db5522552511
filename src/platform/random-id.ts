import { randomBytes } from 'node:crypto';

/** RFC 4648 letters, lower case and in the order of their bytes: no padding, safe in file names, URLs and shell words. */
const alphabet = '234567abcdefghijklmnopqrstuvwxyz';

/** Good for a thousand years of milliseconds. */
const timeLength = 9;
const randomLength = 17;

/**
 * `prefix` and 26 characters of lower-case base32. 85 random bits, so ids can be neither guessed nor repeated; before them the time, so that those
 * made together lie together in an index: with a hundred thousand sessions, ids that lie anywhere make each commit write a page for each.
 */
export function randomId(prefix: string): string {
  let time = '';
  for (let rest = Date.now(); time.length < timeLength; rest = Math.floor(rest / 32))
    time = alphabet.charAt(rest % 32) + time;
  let id = prefix + time;
  // 256 is a multiple of 32, so the low five bits of a random byte favour no letter.
  for (const byte of randomBytes(randomLength)) id += alphabet.charAt(byte & 31);
  return id;
}
