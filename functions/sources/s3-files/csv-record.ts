import { isAscii } from 'node:buffer';

/** The byte that ends a line. A line feed may have a carriage return before it. */
export type LineBreak = 0x0a | 0x0d;

export const LINE_FEED = 0x0a;
export const CARRIAGE_RETURN = 0x0d;
const QUOTE = 0x22;
const COMMA = 0x2c;

/** The record that was scanned last, as places in its block. One object serves for all records of a file. */
export interface CsvRecord {
  readonly lineBreak: LineBreak;
  block: Buffer;
  /** The number of cells. */
  count: number;
  /** The start and the end of each cell's text, without the quotes around it. */
  bounds: Int32Array;
  /** How each cell is quoted: `UNQUOTED`, `QUOTED` or `DOUBLED`. */
  quoting: Uint8Array;
  /** The number of line breaks inside quotes. */
  innerBreaks: number;
}

export const UNQUOTED = 0;
export const QUOTED = 1;
/** Quoted, with doubled quotes inside. */
export const DOUBLED = 2;

export function csvRecord(lineBreak: LineBreak = LINE_FEED): CsvRecord {
  return {
    lineBreak,
    block: Buffer.alloc(0),
    count: 0,
    bounds: new Int32Array(128),
    quoting: new Uint8Array(64),
    innerBreaks: 0,
  };
}

/** A quote is still open at the limit. */
export const OPEN = -1;
/** A quote is inside an unquoted cell, or text follows a closing quote. */
export const MISPLACED = -2;

/**
 * Scans one record by RFC 4180, from `from` on, and returns where the next one starts; `OPEN` or `MISPLACED` for a
 * record that cannot be read. A record without a line break ends at `limit`. Hot path: it looks once at each byte,
 * makes no object, and remembers only where the cells are.
 */
export function scanRecord(record: CsvRecord, from: number, limit: number): number {
  const { block, lineBreak } = record;
  record.count = 0;
  record.innerBreaks = 0;
  for (let at = from; ; at += 1) {
    at = block[at] === QUOTE && at < limit ? scanQuoted(record, at + 1, limit) : scanUnquoted(record, at, limit);
    if (at < 0 || at >= limit) return at;
    const byte = block[at];
    if (byte === COMMA) continue;
    if (byte === lineBreak) return at + 1;
    return lineBreak === LINE_FEED && byte === CARRIAGE_RETURN && block[at + 1] === LINE_FEED ? at + 2 : MISPLACED;
  }
}

/** Scans a cell from just after its opening quote, and returns the place just after its closing quote, or `OPEN`. */
function scanQuoted(record: CsvRecord, start: number, limit: number): number {
  const { block, lineBreak } = record;
  let quoting = QUOTED;
  for (let at = start; at < limit; at += 1) {
    const byte = block[at];
    if (byte === lineBreak) record.innerBreaks += 1;
    if (byte !== QUOTE) continue;
    if (block[at + 1] !== QUOTE) {
      keepCell(record, start, at);
      record.quoting[record.count - 1] = quoting;
      return at + 1;
    }
    quoting = DOUBLED;
    at += 1;
  }
  return OPEN;
}

/** Scans a cell without quotes, and returns the place of the comma or line break after it, or `MISPLACED`. */
function scanUnquoted(record: CsvRecord, start: number, limit: number): number {
  const { block, lineBreak } = record;
  let at = start;
  for (; at < limit; at += 1) {
    const byte = block[at] as number;
    // Most bytes are above the comma, as digits and letters are: one comparison is enough for them.
    if (byte > COMMA) continue;
    if (byte === COMMA || byte === lineBreak) break;
    if (byte === QUOTE) return MISPLACED;
  }
  const isCrLf = lineBreak === LINE_FEED && at > start && block[at - 1] === CARRIAGE_RETURN && block[at] === LINE_FEED;
  keepCell(record, start, isCrLf && at < limit ? at - 1 : at);
  return at;
}

function keepCell(record: CsvRecord, start: number, end: number): void {
  const { count } = record;
  if (count === record.quoting.length) grow(record);
  record.bounds[2 * count] = start;
  record.bounds[2 * count + 1] = end;
  record.quoting[count] = UNQUOTED;
  record.count = count + 1;
}

function grow(record: CsvRecord): void {
  const bounds = new Int32Array(2 * record.bounds.length);
  const quoting = new Uint8Array(2 * record.quoting.length);
  bounds.set(record.bounds);
  quoting.set(record.quoting);
  record.bounds = bounds;
  record.quoting = quoting;
}

/** Returns the text of a cell, in which a doubled quote is one quote. Bytes that are not UTF-8 become U+FFFD. */
export function cellText({ block, bounds, quoting }: CsvRecord, index: number): string {
  const text = block.toString('utf8', bounds[2 * index], bounds[2 * index + 1]);
  return quoting[index] === DOUBLED ? text.replaceAll('""', '"') : text;
}

/**
 * Returns the texts of all cells. `text` is the block as Latin-1: to cut a cell out of it is faster than to decode the
 * cell, and it is the same text where the record is ASCII.
 */
export function cellTexts(record: CsvRecord, text: string): string[] {
  const { block, bounds, quoting, count } = record;
  const cells = new Array<string>(count);
  const ascii = isAscii(block.subarray(bounds[0], bounds[2 * count - 1]));
  for (let i = 0; i < count; i += 1) {
    const cell = text.slice(bounds[2 * i], bounds[2 * i + 1]);
    cells[i] = !ascii ? cellText(record, i) : quoting[i] === DOUBLED ? cell.replaceAll('""', '"') : cell;
  }
  return cells;
}
