import { cutText } from '../../cut-text.ts';
import { EventRejected } from '../../errors.ts';
import { SqlError } from '../errors/sql-error.ts';
import type { Json } from '../json/json.ts';
import { jsonFromText, storable } from '../json/json.ts';
import { decimalFromJson, doubleFromJson } from '../json/json-columns.ts';
import type { Decimal } from '../numbers/decimals.ts';
import { decimalFromNumber } from '../numbers/decimals.ts';
import { doubleFromText } from '../numbers/doubles.ts';
import { HAS_ESCAPE } from '../scan/scan-memory.ts';
import type { Row } from './row.ts';

/** Tests whether a column has a value. The functions below return null for a column that is missing or null in JSON. */
export function isPresent(row: Row, column: number): boolean {
  const start = row.starts[column] as number;
  return start >= 0 && row.bytes[start] !== 0x6e;
}

/** The first byte of a value tells its kind. */
const QUOTE = 0x22;

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
  return decimalFromNumber(row.bytes.toString('latin1', start, row.ends[column]));
}

/** Reads a double precision as JSON.parse does, not through numeric, because numeric has no -0. */
export function doubleAt(row: Row, column: number): number | null {
  if (!isPresent(row, column)) return null;
  const start = row.starts[column] as number;
  if (!beginsNumber(row.bytes[start])) return valueAt(row, column, { type: 'double precision', read: doubleFromJson });
  try {
    return doubleFromText(row.bytes.toString('latin1', start, row.ends[column]));
  } catch (error) {
    if (error instanceof SqlError) return misfitAt(row, column, 'double precision');
    throw error;
  }
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
