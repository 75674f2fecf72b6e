import { isAscii } from 'node:buffer';
import { findPlaces, noPlaces, type Places } from './csv-places.ts';
import { CARRIAGE_RETURN, LINE_FEED, type LineBreak } from './rows.ts';

const QUOTE = 0x22;
const COMMA = 0x2c;

/** The record that was scanned last, as places in its block. One object serves for all records of a file. */
export interface CsvRecord {
  readonly lineBreak: LineBreak;
  block: Buffer;
  readonly places: Places;
  /** The next of the block's places. */
  cursor: number;
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
    places: noPlaces(),
    cursor: 0,
    count: 0,
    bounds: new Int32Array(128),
    quoting: new Uint8Array(64),
    innerBreaks: 0,
  };
}

/** Makes the records of a block the next ones that are scanned. */
export function startBlock(record: CsvRecord, block: Buffer): void {
  record.block = block;
  record.cursor = 0;
  findPlaces(record.places, block, record.lineBreak);
}

/** A quote is still open at the limit. */
export const OPEN = -1;
/** A quote is inside an unquoted cell, or text follows a closing quote. */
export const MISPLACED = -2;

/**
 * Scans one record by RFC 4180, from `from` on, and returns where the next one starts; `OPEN` or `MISPLACED` for a
 * record that cannot be read. A record without a line break ends at `limit`. Hot path: it looks only at the places that
 * mean something, makes no object, and remembers only where the cells are.
 */
export function scanRecord(record: CsvRecord, from: number, limit: number): number {
  const { block, lineBreak, places } = record;
  while ((places.at[record.cursor] as number) < from) record.cursor += 1;
  record.count = 0;
  record.innerBreaks = 0;
  for (let at = from; ; at += 1) {
    at = block[at] === QUOTE && at < limit ? scanQuoted(record, at + 1, limit) : scanUnquoted(record, at, limit);
    if (at >= limit) return at;
    const byte = at < 0 ? undefined : block[at];
    if (byte === COMMA) continue;
    if (byte === lineBreak) return at + 1;
    if (at < 0) return at;
    return lineBreak === LINE_FEED && byte === CARRIAGE_RETURN && block[at + 1] === LINE_FEED ? at + 2 : MISPLACED;
  }
}

/** Scans a cell from just after its opening quote, and returns the place just after its closing quote, or `OPEN`. */
function scanQuoted(record: CsvRecord, start: number, limit: number): number {
  const { block, lineBreak } = record;
  const { at: places } = record.places;
  let quoting = QUOTED;
  // The first place is that of the opening quote.
  for (let cursor = record.cursor + 1; ; cursor += 1) {
    const at = places[cursor] as number;
    if (at >= limit) return OPEN;
    const byte = block[at];
    if (byte === lineBreak) record.innerBreaks += 1;
    if (byte !== QUOTE) continue;
    if (block[at + 1] !== QUOTE) {
      keepCell(record, start, at);
      record.quoting[record.count - 1] = quoting;
      // Behind the quote is a comma or a line break, or the record is not read any further.
      record.cursor = cursor + 2;
      return at + 1;
    }
    quoting = DOUBLED;
    cursor += 1;
  }
}

/** Scans a cell without quotes, and returns the place of the comma or line break after it, or `MISPLACED`. */
function scanUnquoted(record: CsvRecord, start: number, limit: number): number {
  const { block, lineBreak } = record;
  const place = record.places.at[record.cursor] as number;
  record.cursor += 1;
  const at = Math.min(place, limit);
  if (at < limit && block[at] === QUOTE) return MISPLACED;
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

/** The text of a block. */
export interface BlockText {
  /** The block as Latin-1: to cut a cell out of it is faster than to decode the cell. */
  readonly latin1: string;
  /** The place of a byte that is not ASCII. Between the record that was read last and this place all bytes are. */
  beyondAscii: number;
}

export function textOf(block: Buffer): BlockText {
  return { latin1: block.toString('latin1'), beyondAscii: nextBeyondAscii(block, 0) };
}

/** Returns the texts of all cells. Reads the records of a block in order. */
export function cellTexts(record: CsvRecord, text: BlockText): readonly string[] {
  const { block, bounds, quoting, count } = record;
  const start = bounds[0] as number;
  if (text.beyondAscii < start) text.beyondAscii = nextBeyondAscii(block, start);
  const isPlain = text.beyondAscii >= (bounds[2 * count - 1] as number);
  const { latin1 } = text;
  const cells = new Array<string>(count);
  for (let i = 0; i < count; i += 1) {
    if (!isPlain) cells[i] = cellText(record, i);
    else {
      const cell = latin1.slice(bounds[2 * i], bounds[2 * i + 1]);
      cells[i] = quoting[i] === DOUBLED ? cell.replaceAll('""', '"') : cell;
    }
  }
  return cells;
}

const SEARCHED = 4096;

/** Returns the place of the first byte that is not ASCII, or the length of the block. */
function nextBeyondAscii(block: Buffer, from: number): number {
  let at = from;
  while (at < block.length && isAscii(block.subarray(at, at + SEARCHED))) at += SEARCHED;
  while (at < block.length && (block[at] as number) < 0x80) at += 1;
  return Math.min(at, block.length);
}
