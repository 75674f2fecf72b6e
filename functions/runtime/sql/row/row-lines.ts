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
import { placeEvent, placeRange, placeText } from './row.ts';

/** Lines of which each is an event, one after the other in a row. */
export interface Lines {
  readonly row: Row;
  /** A column's text without which WHERE is false: lines without it are not even given. */
  readonly needed: { readonly column: number; readonly text: Buffer } | undefined;
  /** How many columns WHERE reads: they are the first ones. */
  readonly whereReads: number;
  text: Buffer;
  next: number;
  /** Lines of the text up to here, those that were not given included. */
  count: number;
  isPlaced: boolean;
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
  isPlaced: false,
  skips: false,
});

/** Begins to read a text of whole lines. */
export function startLines(lines: Lines, text: Buffer): void {
  const { row, needed } = lines;
  lines.text = text;
  lines.next = 0;
  lines.count = 0;
  lines.isPlaced = placeText(row, text);
  lines.skips = lines.isPlaced && needed !== undefined && needed.text.length <= MOST_NEEDED;
  if (!lines.skips || needed === undefined) return;
  const { numbers, bytes } = scannerOf(row);
  numbers[NEEDED_COLUMN >> 2] = needed.column;
  numbers[NEEDED_LENGTH >> 2] = needed.text.copy(bytes, NEEDED_TEXT);
}

/** Places the next line in the row, if there is one that is not blank and that WHERE may want. */
export function nextLine(lines: Lines): boolean {
  const { row, text, isPlaced } = lines;
  while (lines.next < text.length) {
    if (lines.skips && skipRefused(lines)) return true;
    const from = lines.next;
    if (from >= text.length) return false;
    const to = isPlaced ? scannerOf(row).call.findLineEnd(TEXT + from) - TEXT : endOfLine(text, from);
    lines.next = to + 1;
    lines.count += 1;
    if (isBlank(text, from, to)) continue;
    if (isPlaced) placeRange(row, from, to);
    else placeEvent(row, text.subarray(from, to));
    return true;
  }
  return false;
}

/** True when the scanner came to a line that it could begin to read and WHERE may want: it is placed. */
function skipRefused(lines: Lines): boolean {
  const { row, text, whereReads } = lines;
  const { call, numbers } = scannerOf(row);
  const from = call.skipRefused(TEXT + lines.next, TEXT + text.length, whereReads) - TEXT;
  lines.count += numbers[SKIPPED >> 2] as number;
  lines.next = from;
  if (numbers[IS_BEGUN >> 2] === 0) return false;
  const to = (numbers[EVENT_END >> 2] as number) - TEXT;
  placeRange(row, from, to);
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
