import { SqlError } from '../errors/sql-error.ts';
import type { Decimal } from '../numbers/decimals.ts';
import { decimalText } from '../numbers/decimals.ts';
import { doubleText } from '../numbers/doubles.ts';
import { dateText } from '../time/dates.ts';
import { timestampJson, timestamptzJson } from '../time/timestamps.ts';
import type { Json } from './json.ts';
import { jsonText } from './json.ts';

/** A growing buffer for the JSON of outputs. Hot path: every event writes to it, and its user resets `length`. */
export interface JsonWriter {
  buffer: Buffer;
  /** A view of the whole buffer. */
  view: DataView;
  length: number;
}

export function createWriter(size = 65536): JsonWriter {
  const buffer = Buffer.allocUnsafeSlow(size);
  return { buffer, view: new DataView(buffer.buffer), length: 0 };
}

/** Makes room for `more` bytes. */
export function reserve(writer: JsonWriter, more: number): void {
  if (writer.length + more <= writer.buffer.length) return;
  const { buffer, length } = writer;
  writer.buffer = Buffer.allocUnsafeSlow(Math.max(buffer.length * 2, length + more));
  writer.view = new DataView(writer.buffer.buffer);
  buffer.copy(writer.buffer, 0, 0, length);
}

/** Bytes to copy from, and a view of the same bytes. */
export interface Source {
  readonly bytes: Buffer;
  readonly view: DataView;
}

/** Beyond this length a call into native code is faster than a loop over words. */
const LONG = 64;
const WORD = 4;

// biome-ignore lint/complexity/useMaxParams: hot path; an array for each range would be garbage
export function writeRange(writer: JsonWriter, source: Source, from: number, to: number): void {
  const length = to - from;
  reserve(writer, length);
  const begun = writer.length;
  writer.length = begun + length;
  if (length > LONG || length < WORD) {
    source.bytes.copy(writer.buffer, begun, from, to);
    return;
  }
  // The last word overlaps the one before it.
  const last = length - WORD;
  const target = writer.view;
  const words = source.view;
  for (let i = 0; i < last; i += WORD) target.setInt32(begun + i, words.getInt32(from + i, true), true);
  target.setInt32(begun + last, words.getInt32(from + last, true), true);
}

export function writeBytes(writer: JsonWriter, bytes: Buffer): void {
  reserve(writer, bytes.length);
  const { buffer } = writer;
  for (let i = 0; i < bytes.length; i += 1) buffer[writer.length + i] = bytes[i] as number;
  writer.length += bytes.length;
}

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

/** Writes a value as JSON; null is written as null. */
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

/** Makes the JSON of a list with the function that makes the JSON of an element. */
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
