import { isUtf8 } from 'node:buffer';
import { DONE, MORE } from '../scan/scan-events.ts';
import { NEXT_KEY, REPEATED, SEEN_HIGH, TEXT, TEXT_SIZE } from '../scan/scan-memory.ts';
import type { Scanner } from '../scan/scanner.ts';
import { canKnow, knowColumns, theScanner } from '../scan/scanner.ts';
import { type ColumnRanges, readSlowly } from './row-slow.ts';

/**
 * The columns of one event as ranges of bytes. Hot path: one row is filled again for every event, and nothing is
 * decoded before an expression asks for it. The ranges are the scanner's own, so they hold until the next event is
 * read, into whatever row.
 */
export interface Row extends ColumnRanges {
  /** Where in the statement an expression is that is being evaluated: `line:column`. */
  at: string;
  /** The event, in the scanner's memory. */
  from: number;
  to: number;
  /** The event itself, when the scanner cannot hold it. */
  unscanned: Uint8Array | undefined;
  /** Whether a column came again, or the event went the slow way: then what was known halfway does not count. */
  repeated: boolean;
  /** Whether the scanner has already read the event as far as WHERE reads. */
  isBegun: boolean;
  isRead: boolean;
  /** Not when there are too many columns. */
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
    isScannable: canKnow(columns),
    scanner: undefined,
  };
}

/** Takes one event's JSON, to be read next. */
export function placeEvent(row: Row, event: Uint8Array): void {
  if (placeText(row, event)) placeRange(row, 0, event.length);
  else row.unscanned = event;
}

/** Takes bytes that `placeRange` names events of. False when the scanner cannot hold them, or so many columns. */
export function placeText(row: Row, text: Uint8Array): boolean {
  const scanner = text.length > TEXT_SIZE ? undefined : knowRow(row);
  if (scanner === undefined) return false;
  const { bytes } = scanner;
  bytes.set(text, TEXT);
  // A control character that no string and no number goes beyond, and then one that is no white space.
  bytes[TEXT + text.length] = 0x0a;
  bytes[TEXT + text.length + 1] = 0;
  return true;
}

/** The event to read next, as a range of the text. */
export function placeRange(row: Row, from: number, to: number): void {
  row.unscanned = undefined;
  row.from = TEXT + from;
  row.to = TEXT + to;
  row.isBegun = false;
}

/** Reads the event that was placed until its first so many columns are found; true when there is more to read. */
export function readSome(row: Row, columns: number): boolean {
  const { scanner, unscanned } = row;
  if (unscanned !== undefined || scanner === undefined) return slowly(row, unscanned ?? row.bytes);
  row.bytes = scanner.bytes;
  row.view = scanner.view;
  return hasMore(row, scanner, row.isBegun ? MORE : scanner.call.readEvent(row.from, row.to, columns));
}

/** Reads the rest of it. */
export function finishRow(row: Row): void {
  const { scanner } = row;
  if (!row.isRead && scanner !== undefined) hasMore(row, scanner, scanner.call.readKeys(ALL));
}

/** Reads all of it. */
export function readRow(row: Row): void {
  readSome(row, ALL);
}

/** Whether one of the first so many columns may come again in what is not read yet. */
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

/** Makes the scanner look for this row's columns, unless it cannot. */
function knowRow(row: Row): Scanner | undefined {
  if (!row.isScannable) return undefined;
  const scanner = row.scanner ?? theScanner();
  if (scanner.columns !== row.columns) knowColumns(scanner, row.columns);
  if (row.scanner === scanner) return scanner;
  row.scanner = scanner;
  row.starts = scanner.starts;
  row.ends = scanner.ends;
  row.keys = scanner.keys;
  row.seen = scanner.seen;
  return scanner;
}
