import { dateText } from './dates.ts';
import type { Decimal } from './decimals.ts';
import { decimalText } from './decimals.ts';
import { doubleText } from './doubles.ts';
import type { Json } from './json.ts';
import { jsonText } from './json.ts';
import { SqlError } from './sql-error.ts';
import { timestampJson, timestamptzJson } from './timestamps.ts';

/** JSON as it is written: one buffer that grows. Hot path: filled by every event, emptied by whoever takes its bytes. */
export interface JsonWriter {
  buffer: Buffer;
  length: number;
}

export const createWriter = (size = 65536): JsonWriter => ({ buffer: Buffer.allocUnsafe(size), length: 0 });

/** Makes room for so many more bytes. */
export function reserve(writer: JsonWriter, more: number): void {
  if (writer.length + more <= writer.buffer.length) return;
  const larger = Buffer.allocUnsafe(Math.max(writer.buffer.length * 2, writer.length + more));
  writer.buffer.copy(larger, 0, 0, writer.length);
  writer.buffer = larger;
}

/** Below this a loop is faster than a call into native code. */
const SHORT = 40;

export function writeRange(writer: JsonWriter, bytes: Buffer, [from, to]: readonly [number, number]): void {
  reserve(writer, to - from);
  if (to - from > SHORT) {
    bytes.copy(writer.buffer, writer.length, from, to);
    writer.length += to - from;
    return;
  }
  const { buffer } = writer;
  let at = writer.length;
  for (let p = from; p < to; p += 1) buffer[at++] = bytes[p] as number;
  writer.length = at;
}

export const writeBytes = (writer: JsonWriter, bytes: Buffer): void => writeRange(writer, bytes, [0, bytes.length]);

export function writeByte(writer: JsonWriter, byte: number): void {
  reserve(writer, 1);
  writer.buffer[writer.length] = byte;
  writer.length += 1;
}

export function writeString(writer: JsonWriter, text: string): void {
  reserve(writer, text.length * 3);
  writer.length += writer.buffer.write(text, writer.length);
}

export const writeNull = (writer: JsonWriter): void => writeString(writer, 'null');

/** A value in JSON, or null. */
export const writeText = (writer: JsonWriter, value: string | null): void => writeString(writer, JSON.stringify(value));
export const writeBoolean = (writer: JsonWriter, value: boolean | null): void => writeString(writer, String(value));
export const writeInteger = (writer: JsonWriter, value: number | bigint | null): void =>
  writeString(writer, String(value));
export const writeJson = (writer: JsonWriter, value: Json | null): void =>
  writeString(writer, value === null ? 'null' : jsonText(value));

export function writeDecimal(writer: JsonWriter, value: Decimal | null): void {
  if (value?.special !== undefined) noNumber(value.special);
  writeString(writer, value === null ? 'null' : decimalText(value));
}

export function writeDouble(writer: JsonWriter, value: number | null): void {
  if (value !== null && !Number.isFinite(value)) noNumber(doubleText(value));
  writeString(writer, value === null ? 'null' : doubleText(value));
}

function noNumber(value: string): never {
  throw new SqlError('22003', `${value} has no JSON number: use NULLIF or CASE, or cast it to text`);
}

/** A list whose elements are made JSON one by one. */
export const jsonList =
  <T>(element: (value: T) => string) =>
  (values: readonly (T | null)[]): string =>
    `[${values.map((value) => (value === null ? 'null' : element(value))).join(',')}]`;

export const numberJson = (value: number): string => {
  if (!Number.isFinite(value)) noNumber(doubleText(value));
  return doubleText(value);
};

export const decimalJson = (value: Decimal): string => {
  if (value.special !== undefined) noNumber(value.special);
  return decimalText(value);
};

export const textJson = (value: string): string => JSON.stringify(value);
export const plainJson = (value: number | bigint | boolean): string => String(value);
export const dateJson = (value: number): string => `"${dateText(value)}"`;
export const quotedTimestamp = (value: bigint): string => `"${timestampJson(value)}"`;
export const quotedTimestamptz = (value: bigint): string => `"${timestamptzJson(value)}"`;
