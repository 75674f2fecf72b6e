import {
  bigintFromJson,
  dateFromJson,
  doubleFromJson,
  integerFromJson,
  timestampFromJson,
  timestamptzFromJson,
  uuidFromJson,
} from './json-columns.ts';
import type { JsonWriter } from './json-writer.ts';
import { writeByte, writeBytes, writeNull, writeRange } from './json-writer.ts';
import type { Row } from './row.ts';
import { decimalAt, isPresent, misfitAt, required, textAt, valueAt } from './row-values.ts';

/** What a column that is copied as it came must look like. Lists, objects and jsonb are not looked into. */
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

/** Copies columns with their keys: neighbours in one piece when they stand in the event as they are wanted. */
export function copyColumns(writer: JsonWriter, row: Row, columns: readonly CopiedColumn[]): void {
  for (const column of columns) verify(row, column);
  if (isOnePiece(row, columns)) {
    const [first, last] = [columns[0] as CopiedColumn, columns[columns.length - 1] as CopiedColumn];
    writeRange(writer, row.bytes, [row.keys[first.column] as number, row.ends[last.column] as number]);
    return;
  }
  for (let i = 0; i < columns.length; i += 1) {
    const { column, key } = columns[i] as CopiedColumn;
    if (i > 0) writeByte(writer, COMMA);
    writeBytes(writer, key);
    if (isPresent(row, column))
      writeRange(writer, row.bytes, [row.starts[column] as number, row.ends[column] as number]);
    else writeNull(writer);
  }
}

function isOnePiece(row: Row, columns: readonly CopiedColumn[]): boolean {
  let end = -1;
  for (let i = 0; i < columns.length; i += 1) {
    const { column, key } = columns[i] as CopiedColumn;
    const at = row.keys[column] as number;
    if (
      row.starts[column] === -1 ||
      at === -1 ||
      (end !== -1 && at !== end + 1) ||
      row.starts[column] !== at + key.length
    )
      return false;
    end = row.ends[column] as number;
  }
  return true;
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
      if (row.escaped[column] === 1) textAt(row, column);
      return;
    case 'numeric':
    case 'double precision':
    case 'integer':
    case 'bigint':
      verifyNumber(row, copy);
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

/** Digits alone, and few of them, are in every range. */
const FEW_DIGITS = 9;

function verifyNumber(row: Row, { column, type }: CopiedColumn): void {
  const [start, end] = [row.starts[column] as number, row.ends[column] as number];
  let plain = true;
  for (let p = start; p < end; p += 1) {
    const byte = row.bytes[p] as number;
    const digit = byte >= 0x30 && byte <= 0x39;
    const point = byte === 0x2e && type !== 'integer' && type !== 'bigint';
    if (!digit && !point && !(byte === 0x2d && p === start)) plain = false;
  }
  if (plain && (end - start <= FEW_DIGITS || (end - start <= 300 && type !== 'integer' && type !== 'bigint'))) return;
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
  writeBytes(writer, renamed.key);
  const { column } = renamed;
  if (isPresent(row, column)) writeRange(writer, row.bytes, [row.starts[column] as number, row.ends[column] as number]);
  else writeNull(writer);
}
