import { isUtf8 } from 'node:buffer';
import { DONE, MORE } from '../scan/scan-events.ts';
import { NEXT_KEY, REPEATED, SEEN_HIGH, TEXT, TEXT_SIZE } from '../scan/scan-memory.ts';
import type { Scanner } from '../scan/scanner.ts';
import { canLookFor, lookForColumns, sharedScanner } from '../scan/scanner.ts';
import { type ColumnRanges, readSlowly } from './row-slow.ts';

/**
 * The columns of one event, as ranges of bytes. Hot path: one row is reused for every event, and a column is decoded
 * only when an expression needs it. All rows share the scanner's memory, so the ranges are valid until any row reads
 * the next event.
 */
export interface Row extends ColumnRanges {
  /** The position in the statement of the expression that is being evaluated: `line:column`. */
  at: string;
  /** The range of the event in the scanner's memory. */
  from: number;
  to: number;
  /** The bytes of the event, if they do not fit into the scanner's memory. */
  unscanned: Uint8Array | undefined;
  /** Whether a column was repeated, or the event took the slow path: then WHERE has to be evaluated again. */
  repeated: boolean;
  /** Whether the scanner has already read the event as far as WHERE reads. */
  isBegun: boolean;
  isRead: boolean;
  /** False if there are too many columns for the scanner. */
  readonly isScannable: boolean;
  scanner: Scanner | undefined;
}

export function createRow(columns: readonly string[]): Row {
  return {
    columns,
    bytes: Buffer.alloc(0),
    view: new DataView(new ArrayBuffer(0)),
    starts: new Int32Array(columns.length),
    ends: new Int32Array(columns.length),
    keys: new Int32Array(columns.length),
    seen: new Int32Array(columns.length),
    high: false,
    at: '',
    from: 0,
    to: 0,
    unscanned: undefined,
    repeated: false,
    isBegun: false,
    isRead: false,
    isScannable: canLookFor(columns),
    scanner: undefined,
  };
}

/** Loads the JSON of one event, which is then read next. */
export function loadEvent(row: Row, event: Uint8Array): void {
  if (loadText(row, event)) selectRange(row, 0, event.length);
  else row.unscanned = event;
}

/**
 * Loads a text; `selectRange` then chooses an event in it. False if the text, or the columns, do not fit the scanner.
 */
export function loadText(row: Row, text: Uint8Array): boolean {
  const scanner = text.length > TEXT_SIZE ? undefined : prepareScanner(row);
  if (scanner === undefined) return false;
  const { bytes } = scanner;
  bytes.set(text, TEXT);
  // A control character ends every string and number; the zero after it ends white space.
  bytes[TEXT + text.length] = 0x0a;
  bytes[TEXT + text.length + 1] = 0;
  return true;
}

/** Chooses the event to read next, as a range of the loaded text. */
export function selectRange(row: Row, from: number, to: number): void {
  row.unscanned = undefined;
  row.from = TEXT + from;
  row.to = TEXT + to;
  row.isBegun = false;
}

/** Reads the loaded event until the first `columns` columns are found. True if there is more of the event to read. */
export function readSome(row: Row, columns: number): boolean {
  const { scanner, unscanned } = row;
  if (unscanned !== undefined || scanner === undefined) return slowly(row, unscanned ?? row.bytes);
  row.bytes = scanner.bytes;
  row.view = scanner.view;
  return hasMore(row, scanner, row.isBegun ? MORE : scanner.call.readEvent(row.from, row.to, columns));
}

/** Reads the rest of the event. */
export function finishRow(row: Row): void {
  const { scanner } = row;
  if (!row.isRead && scanner !== undefined) hasMore(row, scanner, scanner.call.readKeys(ALL));
}

/** Reads the whole event. */
export function readRow(row: Row): void {
  readSome(row, ALL);
}

/** Tests whether one of the first `columns` columns may be repeated in the part of the event that is not read yet. */
export const mayRepeat = (row: Row, columns: number): boolean => row.scanner?.call.mayRepeat(columns) !== 0;

const ALL = 1 << 30;

function hasMore(row: Row, scanner: Scanner, state: number): boolean {
  const { numbers, bytes } = scanner;
  row.isRead = state !== MORE;
  row.repeated = numbers[REPEATED >> 2] !== 0;
  row.high = numbers[SEEN_HIGH >> 2] !== 0;
  const end = state === MORE ? (numbers[NEXT_KEY >> 2] as number) : row.to;
  if ((state === DONE || state === MORE) && (!row.high || isUtf8(bytes.subarray(row.from, end)))) return state === MORE;
  return slowly(row, bytes.subarray(row.from, row.to));
}

function slowly(row: Row, event: Uint8Array): boolean {
  row.isRead = true;
  row.repeated = true;
  row.high = true;
  readSlowly(row, event);
  return false;
}

/** Prepares the shared scanner for this row's columns. Returns undefined if there are too many. */
function prepareScanner(row: Row): Scanner | undefined {
  if (!row.isScannable) return undefined;
  const scanner = row.scanner ?? sharedScanner();
  if (scanner.columns !== row.columns) lookForColumns(scanner, row.columns);
  if (row.scanner === scanner) return scanner;
  row.scanner = scanner;
  row.starts = scanner.starts;
  row.ends = scanner.ends;
  row.keys = scanner.keys;
  row.seen = scanner.seen;
  return scanner;
}
