import {
  EVENT_END,
  IS_BEGUN,
  MOST_NEEDED,
  NEEDED_COLUMN,
  NEEDED_LENGTH,
  NEEDED_TEXT,
  SKIPPED,
  TEXT,
} from '../scan/scan-memory.ts';
import type { Scanner } from '../scan/scanner.ts';
import type { Row } from './row.ts';
import { loadEvent, loadText, selectRange } from './row.ts';

/** A text of lines, each of which is an event; a row holds one of them at a time. */
export interface Lines {
  readonly row: Row;
  /** A text that a column must have for WHERE to be true. Lines without it are skipped. */
  readonly needed: { readonly column: number; readonly text: Buffer } | undefined;
  /** The number of columns that WHERE reads. They are the row's first ones. */
  readonly whereReads: number;
  text: Buffer;
  next: number;
  /** The number of lines read so far, skipped lines included. */
  count: number;
  isLoaded: boolean;
  skips: boolean;
}

const LINE_BREAK = 0x0a;
const CARRIAGE_RETURN = 0x0d;

export const createLines = (row: Row, needed: Lines['needed'], whereReads: number): Lines => ({
  row,
  needed,
  whereReads,
  text: Buffer.alloc(0),
  next: 0,
  count: 0,
  isLoaded: false,
  skips: false,
});

/** Starts reading a text of whole lines. */
export function startLines(lines: Lines, text: Buffer): void {
  const { row, needed } = lines;
  lines.text = text;
  lines.next = 0;
  lines.count = 0;
  lines.isLoaded = loadText(row, text);
  lines.skips = lines.isLoaded && needed !== undefined && needed.text.length <= MOST_NEEDED;
  if (!lines.skips || needed === undefined) return;
  const { numbers, bytes } = scannerOf(row);
  numbers[NEEDED_COLUMN >> 2] = needed.column;
  numbers[NEEDED_LENGTH >> 2] = needed.text.copy(bytes, NEEDED_TEXT);
}

/**
 * Loads the next line into the row. Skips blank lines and lines for which WHERE is certainly false. False at the end.
 */
export function nextLine(lines: Lines): boolean {
  const { row, text, isLoaded } = lines;
  while (lines.next < text.length) {
    if (lines.skips && skipFiltered(lines)) return true;
    const from = lines.next;
    if (from >= text.length) return false;
    const to = isLoaded ? scannerOf(row).call.findLineEnd(TEXT + from) - TEXT : endOfLine(text, from);
    lines.next = to + 1;
    lines.count += 1;
    if (isBlank(text, from, to)) continue;
    if (isLoaded) selectRange(row, from, to);
    else loadEvent(row, text.subarray(from, to));
    return true;
  }
  return false;
}

/**
 * Skips lines for which WHERE is certainly false. True if the scanner has begun to read the next line: it is loaded.
 */
function skipFiltered(lines: Lines): boolean {
  const { row, text, whereReads } = lines;
  const { call, numbers } = scannerOf(row);
  const from = call.skipFiltered(TEXT + lines.next, TEXT + text.length, whereReads) - TEXT;
  lines.count += numbers[SKIPPED >> 2] as number;
  lines.next = from;
  if (numbers[IS_BEGUN >> 2] === 0) return false;
  const to = (numbers[EVENT_END >> 2] as number) - TEXT;
  selectRange(row, from, to);
  row.isBegun = true;
  lines.next = to + 1;
  lines.count += 1;
  return true;
}

const scannerOf = ({ scanner }: Row): Scanner => scanner as Scanner;

function endOfLine(text: Buffer, from: number): number {
  const end = text.indexOf(LINE_BREAK, from);
  return end === -1 ? text.length : end;
}

function isBlank(text: Buffer, from: number, to: number): boolean {
  return to === from || (to === from + 1 && text[from] === CARRIAGE_RETURN);
}
