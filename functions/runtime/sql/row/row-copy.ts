import {
  bigintFromJson,
  dateFromJson,
  doubleFromJson,
  integerFromJson,
  timestampFromJson,
  timestamptzFromJson,
  uuidFromJson,
} from '../json/json-columns.ts';
import type { JsonWriter } from '../json/json-writer.ts';
import { writeByte, writeBytes, writeNull, writeRange } from '../json/json-writer.ts';
import { HAS_ESCAPE, HAS_EXPONENT, HAS_FRACTION } from '../scan/scan-memory.ts';
import type { Row } from './row.ts';
import { beginsNumber, decimalAt, isPresent, misfitAt, required, textAt, valueAt } from './row-values.ts';

/** The type that a copied column is checked for. The contents of lists, objects and jsonb are not checked. */
export type CopiedType =
  | 'text'
  | 'boolean'
  | 'integer'
  | 'bigint'
  | 'numeric'
  | 'double precision'
  | 'date'
  | 'timestamp'
  | 'timestamptz'
  | 'uuid'
  | 'jsonb'
  | 'list'
  | 'object';

export interface CopiedColumn {
  readonly column: number;
  readonly type: CopiedType;
  readonly nullable: boolean;
  /** `"name":`. */
  readonly key: Buffer;
}

export const copied = (
  column: number,
  name: string,
  { type, nullable }: { type: CopiedType; nullable: boolean },
): CopiedColumn => ({
  column,
  type,
  nullable,
  key: Buffer.from(`${JSON.stringify(name)}:`, 'utf8'),
});

const COMMA = 0x2c;

/**
 * Copies columns with their keys. Columns that follow each other in the event in the same order are copied together.
 */
export function copyColumns(writer: JsonWriter, row: Row, columns: readonly CopiedColumn[]): void {
  for (let i = 0; i < columns.length; i += 1) verify(row, columns[i] as CopiedColumn);
  const { starts, ends, keys } = row;
  let from = 0;
  let to = 0;
  for (let i = 0; i < columns.length; i += 1) {
    const { column, key } = columns[i] as CopiedColumn;
    const keyAt = keys[column] as number;
    const start = starts[column] as number;
    const isWhole = start >= 0 && keyAt >= 0 && start === keyAt + key.length;
    if (isWhole && i > 0 && keyAt === to + 1) {
      to = ends[column] as number;
      continue;
    }
    if (to > 0) writeRange(writer, row, from, to);
    if (i > 0) writeByte(writer, COMMA);
    to = 0;
    if (isWhole) {
      from = keyAt;
      to = ends[column] as number;
    } else writeColumn(writer, row, columns[i] as CopiedColumn);
  }
  if (to > 0) writeRange(writer, row, from, to);
}

function writeColumn(writer: JsonWriter, row: Row, { column, key }: CopiedColumn): void {
  writeBytes(writer, key);
  if (isPresent(row, column)) writeRange(writer, row, row.starts[column] as number, row.ends[column] as number);
  else writeNull(writer);
}

function verify(row: Row, copy: CopiedColumn): void {
  const { column, type } = copy;
  if (!isPresent(row, column)) {
    if (!copy.nullable) required(row, column, null);
    return;
  }
  const byte = row.bytes[row.starts[column] as number];
  switch (type) {
    case 'text':
      if (byte !== 0x22) misfitAt(row, column, type);
      if (row.seen[column] === HAS_ESCAPE) textAt(row, column);
      return;
    case 'numeric':
    case 'double precision':
    case 'integer':
    case 'bigint':
      verifyNumber(row, column, type);
      return;
    case 'boolean':
      if (byte !== 0x74 && byte !== 0x66) misfitAt(row, column, type);
      return;
    case 'list':
      if (byte !== 0x5b) misfitAt(row, column, type);
      return;
    case 'object':
      if (byte !== 0x7b) misfitAt(row, column, type);
      return;
    case 'jsonb':
      return;
    default:
      valueAt<string | number | bigint>(row, column, { type, read: READERS[type] });
  }
}

const READERS = {
  date: dateFromJson,
  timestamp: timestampFromJson,
  timestamptz: timestamptzFromJson,
  uuid: uuidFromJson,
};

/** The longest number of each type that needs no check of its range, if it has no exponent. */
const FEW_DIGITS = { integer: 9, bigint: 18, numeric: 300, 'double precision': 300 };

function verifyNumber(row: Row, column: number, type: keyof typeof FEW_DIGITS): void {
  const start = row.starts[column] as number;
  const end = row.ends[column] as number;
  const seen = row.seen[column] as number;
  const isWhole = type === 'integer' || type === 'bigint';
  if (
    beginsNumber(row.bytes[start]) &&
    (seen & (isWhole ? HAS_EXPONENT | HAS_FRACTION : HAS_EXPONENT)) === 0 &&
    end - start <= FEW_DIGITS[type]
  )
    return;
  if (type === 'numeric') decimalAt(row, column);
  else
    valueAt<number | bigint>(row, column, {
      type,
      read: type === 'integer' ? integerFromJson : type === 'bigint' ? bigintFromJson : doubleFromJson,
    });
  if (row.bytes[start] === 0x22) misfitAt(row, column, `${type}, as a number`);
}

/** Copies one column under another name. */
export function copyRenamed(writer: JsonWriter, row: Row, [renamed]: readonly CopiedColumn[]): void {
  if (renamed === undefined) return;
  verify(row, renamed);
  writeColumn(writer, row, renamed);
}
