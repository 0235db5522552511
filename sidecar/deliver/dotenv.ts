import { LeaseholdError } from '../../src/platform/error.ts';

const variableName = /^[A-Za-z_][A-Za-z0-9_]*$/;
const quote = 0x27;
const escapedQuote = Buffer.from(`'\\''`, 'latin1');

/**
 * `KEY='value'` lines for `set -a; . file` in any POSIX shell. Nothing is special between single quotes, so neither a
 * line break, `$`, a backquote nor a backslash of a value can be read as shell; a quote itself closes, is escaped, and
 * opens again. Parsers that take a line at a time (docker's --env-file) keep the quotes: those programs want a template.
 *
 * Throws `delivery_failed` for a field name that is no variable name and for a NUL byte, which no environment can carry.
 */
export function renderDotenv(fields: ReadonlyMap<string, Uint8Array>): Buffer {
  const pieces: Buffer[] = [];
  for (const [name, value] of [...fields].sort(([a], [b]) => (a < b ? -1 : 1))) {
    if (!variableName.test(name)) throw failed('a field name is not a variable name, which dotenv needs');
    if (value.includes(0)) throw failed('a value holds a NUL byte, which dotenv cannot carry');
    pieces.push(Buffer.from(`${name}='`, 'latin1'), quoted(value), Buffer.from(`'\n`, 'latin1'));
  }
  return Buffer.concat(pieces);
}

function quoted(value: Uint8Array): Buffer {
  const pieces: Uint8Array[] = [];
  let start = 0;
  for (let at = value.indexOf(quote); at !== -1; at = value.indexOf(quote, start)) {
    pieces.push(value.subarray(start, at), escapedQuote);
    start = at + 1;
  }
  pieces.push(value.subarray(start));
  return Buffer.concat(pieces);
}

function failed(detail: string): LeaseholdError {
  return new LeaseholdError('delivery_failed', { detail });
}
