import { cutText } from '../../cut-text.ts';
import { EventRejected } from '../../errors.ts';
import { QUOTE } from '../../json/json-bytes.ts';
import { SqlError } from '../errors/sql-error.ts';
import type { Json } from '../json/json.ts';
import { jsonFromText, storable } from '../json/json.ts';
import { decimalFromJson, doubleFromJson, timestamptzFromJson } from '../json/json-columns.ts';
import type { Decimal } from '../numbers/decimals.ts';
import { decimalFromNumber, finite } from '../numbers/decimals.ts';
import { doubleFromText } from '../numbers/doubles.ts';
import type { AnyDecimal } from '../numbers/short-decimals.ts';
import { POWERS } from '../numbers/short-decimals.ts';
import { HAS_ESCAPE } from '../scan/scan-memory.ts';
import { isoMicros } from '../time/iso-bytes.ts';
import { windowTime } from '../windows/window.ts';
import type { Row } from './row.ts';
import type { ShortNumber } from './short-numbers.ts';
import { readShortNumber } from './short-numbers.ts';

/** Tests whether a column has a value. The functions below return null for a column that is missing or null in JSON. */
export function isPresent(row: Row, column: number): boolean {
  const start = row.starts[column] as number;
  return start >= 0 && row.bytes[start] !== 0x6e;
}

function sliceOf(row: Row, column: number): string {
  return row.bytes.toString('utf8', row.starts[column], row.ends[column]);
}

export function misfitAt(row: Row, column: number, type: string): never {
  const value = cutText(sliceOf(row, column), 60);
  throw new EventRejected('schema', `column "${row.columns[column]}" must be ${type}, not ${value}`);
}

export function textAt(row: Row, column: number): string | null {
  if (!isPresent(row, column)) return null;
  const start = row.starts[column] as number;
  if (row.bytes[start] !== QUOTE) misfitAt(row, column, 'text');
  if (row.seen[column] === HAS_ESCAPE) return storable(JSON.parse(sliceOf(row, column)) as string);
  const end = row.ends[column] as number;
  return row.high ? row.bytes.toString('utf8', start + 1, end - 1) : row.bytes.toString('latin1', start + 1, end - 1);
}

/** Tests whether a text column equals a text, given in UTF-8; compares bytes if the value has no escapes. */
export function isTextAt(row: Row, column: number, wanted: Uint8Array): boolean {
  if (!isPresent(row, column)) return false;
  const start = row.starts[column] as number;
  if (row.bytes[start] !== QUOTE) misfitAt(row, column, 'text');
  if (row.seen[column] === HAS_ESCAPE) return textAt(row, column) === Buffer.from(wanted).toString('utf8');
  if ((row.ends[column] as number) - start - 2 !== wanted.length) return false;
  for (let i = 0; i < wanted.length; i += 1) if (row.bytes[start + 1 + i] !== wanted[i]) return false;
  return true;
}

export function booleanAt(row: Row, column: number): boolean | null {
  if (!isPresent(row, column)) return null;
  const byte = row.bytes[row.starts[column] as number];
  if (byte !== 0x74 && byte !== 0x66) misfitAt(row, column, 'boolean');
  return byte === 0x74;
}

export const beginsNumber = (byte: number | undefined): boolean =>
  byte === 0x2d || (byte !== undefined && byte >= 0x30 && byte <= 0x39);

export function decimalAt(row: Row, column: number): Decimal | null {
  if (!isPresent(row, column)) return null;
  const start = row.starts[column] as number;
  if (!beginsNumber(row.bytes[start])) return valueAt(row, column, { type: 'numeric', read: decimalFromJson });
  if (isShortAt(row, column)) return finite(BigInt(short.units), short.scale);
  return decimalFromNumber(row.bytes.toString('latin1', start, row.ends[column]));
}

/** Reads a numeric column for sums. */
export function anyDecimalAt(row: Row, column: number): AnyDecimal | null {
  return isPresent(row, column) && isShortAt(row, column)
    ? { units: short.units, scale: short.scale }
    : decimalAt(row, column);
}

/** The number that is being read. */
const short: ShortNumber = { from: 0, to: 0, units: 0, scale: 0 };

function isShortAt(row: Row, column: number): boolean {
  short.from = row.starts[column] as number;
  short.to = row.ends[column] as number;
  return readShortNumber(row.bytes, short);
}

/** Reads a double precision as JSON.parse does, not through numeric, because numeric has no -0. */
export function doubleAt(row: Row, column: number): number | null {
  if (!isPresent(row, column)) return null;
  const start = row.starts[column] as number;
  if (!beginsNumber(row.bytes[start])) return valueAt(row, column, { type: 'double precision', read: doubleFromJson });
  // The quotient of two exact numbers rounds as JSON.parse does.
  if (isShortAt(row, column)) return short.units / (POWERS[short.scale] as number);
  try {
    return doubleFromText(row.bytes.toString('latin1', start, row.ends[column]));
  } catch (error) {
    if (error instanceof SqlError) return misfitAt(row, column, 'double precision');
    throw error;
  }
}

const readTimestamptz = { type: 'timestamptz', read: timestamptzFromJson };

export function timestamptzAt(row: Row, column: number): bigint | null {
  if (!isPresent(row, column)) return null;
  const start = row.starts[column] as number;
  const micros = isoMicros(row.view, start + 1, (row.ends[column] as number) - 1);
  return Number.isNaN(micros) || row.bytes[start] !== QUOTE ? valueAt(row, column, readTimestamptz) : BigInt(micros);
}

/** Reads a timestamptz column as the time of a row with WINDOW. */
export function windowTimeAt(row: Row, column: number): number {
  const start = row.starts[column] as number;
  const micros = start < 0 ? Number.NaN : isoMicros(row.view, start + 1, (row.ends[column] as number) - 1);
  return Number.isNaN(micros) || row.bytes[start] !== QUOTE ? windowTime(timestamptzAt(row, column)) : micros;
}

export function jsonAt(row: Row, column: number): Json | null {
  return isPresent(row, column) ? jsonFromText(sliceOf(row, column)) : null;
}

/** Reads a column of any other type, through jsonb. */
export function valueAt<T>(
  row: Row,
  column: number,
  { type, read }: { type: string; read: (value: Json) => T },
): T | null {
  const value = jsonAt(row, column);
  if (value === null) return null;
  try {
    return read(value);
  } catch (error) {
    if (error instanceof SqlError) return misfitAt(row, column, type);
    throw error;
  }
}

/** Returns the value of a column that the schema declares as not null. Throws `EventRejected` if it is null. */
export function required<T>(row: Row, column: number, value: T | null): T {
  if (value === null) throw new EventRejected('schema', `column "${row.columns[column]}" is missing or null`);
  return value;
}
