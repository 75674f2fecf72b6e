import { CLOSE_BRACE, COLON, COMMA, OPEN_BRACE, QUOTE } from '../../json/json-bytes.ts';
import { endOfString, skipSpace } from '../../json/json-ranges.ts';
import { timestamptzFromText } from '../time/timestamps.ts';

/** A projected row of one side of a join. */
export interface SideRow {
  /** The same for rows that meet, and for no others. Null: the row meets no other one. */
  readonly key: string | null;
  /** The parts of the key, if none is null. */
  readonly values: readonly string[];
  /** The members of the JSON object, without braces, keys of the join and a comma at either end. May be empty. */
  readonly body: Buffer;
}

/**
 * Splits a projected row as compiled SQL writes it: `{"key":"7","o.sales":1}`. The first `keys` members are texts or
 * null, and there is no white space.
 */
export function splitSide(row: Uint8Array, keys: number): SideRow {
  const { texts, body } = splitTexts(row, keys);
  return { ...sideKey(texts), body };
}

/** Returns what several texts make as a key of the join. */
export function sideKey(texts: readonly (string | null)[]): Pick<SideRow, 'key' | 'values'> {
  const known = texts.filter((text) => text !== null);
  return known.length < texts.length ? { key: null, values: [] } : { key: keyOf(known), values: known };
}

/** Splits the first members, which are texts or null, from the others. */
export function splitTexts(
  row: Uint8Array,
  count: number,
): { readonly texts: readonly (string | null)[]; readonly body: Buffer } {
  const bytes = Buffer.from(row.buffer, row.byteOffset, row.length);
  const texts: (string | null)[] = [];
  let at = 1;
  for (let i = 0; i < count; i += 1) {
    const start = bytes.indexOf(COLON, at) + 1;
    const end = bytes[start] === QUOTE ? endOfString(bytes, start) : start + NULL.length;
    texts.push(bytes[start] === QUOTE ? textIn(bytes.toString('utf8', start, end)) : null);
    at = end + 1;
  }
  return { texts, body: bytes.subarray(at, bytes.length - 1) };
}

/** Reads a string of JSON. Most have no escapes. */
export const textIn = (json: string): string =>
  json.includes('\\') ? (JSON.parse(json) as string) : json.slice(1, -1);

const keyOf = (values: readonly string[]): string =>
  values.length === 1 ? (values[0] as string) : JSON.stringify(values);

/** A projected row with its time, a timestamptz. Without one, it meets no other row. */
export interface TimedRow {
  readonly key: string | null;
  readonly time: bigint;
  readonly body: Buffer;
}

/** Splits a projected row whose time follows its key: `{"key":"7","time":"2026-01-01T00:00:00Z","o.sales":1}`. */
export function splitTimed(row: Uint8Array, keys: number): TimedRow {
  const { key, values, body } = splitSide(row, keys + 1);
  const time = values.at(-1);
  if (key === null || time === undefined) return { key: null, time: 0n, body };
  return { key: keyOf(values.slice(0, -1)), time: timestamptzFromText(time), body };
}

/** Joins the members of two rows to one JSON object. */
export function joinedRow(left: Uint8Array, right: Uint8Array): Buffer {
  const commas = left.length > 0 && right.length > 0 ? 1 : 0;
  const row = Buffer.allocUnsafe(left.length + right.length + commas + 2);
  row[0] = OPEN_BRACE;
  row.set(left, 1);
  if (commas > 0) row[left.length + 1] = COMMA;
  row.set(right, left.length + 1 + commas);
  row[row.length - 1] = CLOSE_BRACE;
  return row;
}

/** Returns the members of a JSON object, without its braces and the white space around them. */
export const membersOf = (object: string): string => object.trim().slice(1, -1).trim();

/** The same of an object without white space around it. */
export function memberBytes(object: Uint8Array): Uint8Array {
  const members = object.subarray(1, -1);
  return members[skipSpace(members, 0)] === undefined ? members.subarray(0, 0) : members;
}

const NULL = 'null';
