import { printable } from './printable.ts';

/** A cell with a colour says so; anything else is plain. */
export type Cell = string | { readonly text: string; readonly colour: Colour };

export type Colour = 'red' | 'green' | 'yellow' | 'dim' | 'bold';

const codes: Readonly<Record<Colour, number>> = { red: 31, green: 32, yellow: 33, dim: 2, bold: 1 };

/** Colours when the sink takes them, else the bare text. The text must be printable already. */
export function paint(text: string, colour: Colour, isColoured: boolean): string {
  return isColoured ? `\u001b[${codes[colour]}m${text}\u001b[0m` : text;
}

/**
 * Columns two spaces apart, as wide as their widest cell; the last one is not padded. Every cell is made printable here,
 * so no caller can forget it. An empty cell becomes `-`.
 */
export function renderTable(options: {
  readonly head: readonly string[];
  readonly rows: readonly (readonly Cell[])[];
  readonly isColoured: boolean;
}): string {
  const head = options.head.map((text): Cell => ({ text, colour: 'bold' }));
  const lines = [head, ...options.rows].map((row) => row.map(clean));
  const widths = options.head.map((_, column) =>
    Math.max(...lines.map((line) => width(line[column]?.text ?? ''))),
  );
  return lines.map((line) => renderLine(line, widths, options.isColoured)).join('');
}

/** Prints rows as they come: the head with the first one, each column as wide as its widest cell so far. */
export function createRowPrinter(options: {
  readonly head: readonly string[];
  /** Usual widths, so that the first rows line up with later ones. */
  readonly usual: readonly number[];
  readonly isColoured: boolean;
}): (row: readonly Cell[]) => string {
  const widths = options.head.map((text, column) => Math.max(width(text), options.usual[column] ?? 0));
  let isFirst = true;
  return (row) => {
    const line = row.map(clean);
    line.forEach((cell, column) => {
      widths[column] = Math.max(widths[column] ?? 0, width(cell.text));
    });
    const head = options.head.map((text) => clean({ text, colour: 'bold' }));
    const before = isFirst ? renderLine(head, widths, options.isColoured) : '';
    isFirst = false;
    return before + renderLine(line, widths, options.isColoured);
  };
}

/** `Name:  value` lines, aligned. */
export function renderFacts(facts: readonly (readonly [string, Cell])[], isColoured: boolean): string {
  const widest = Math.max(...facts.map(([name]) => name.length));
  return facts
    .map(([name, cell]) => {
      const { text, colour } = clean(cell);
      const label = paint(`${name}:`, 'bold', isColoured) + ' '.repeat(widest - name.length + 2);
      return `${label}${colour === undefined ? text : paint(text, colour, isColoured)}\n`;
    })
    .join('');
}

interface CleanCell {
  readonly text: string;
  readonly colour: Colour | undefined;
}

function clean(cell: Cell): CleanCell {
  const text = printable(typeof cell === 'string' ? cell : cell.text);
  return { text: text === '' ? '-' : text, colour: typeof cell === 'string' ? undefined : cell.colour };
}

function renderLine(line: readonly CleanCell[], widths: readonly number[], isColoured: boolean): string {
  const cells = line.map(({ text, colour }, column) => {
    const shown = colour === undefined ? text : paint(text, colour, isColoured);
    const missing = (widths[column] ?? 0) - width(text);
    return column === line.length - 1 ? shown : shown + ' '.repeat(missing);
  });
  return `${cells.join('  ')}\n`;
}

/** Code points: names here are ASCII, and a wide character only costs alignment. */
function width(text: string): number {
  return Array.from(text).length;
}
