import { SqlError } from '../errors/sql-error.ts';
import { decimalIdentity } from '../numbers/decimal-functions.ts';
import type { Decimal } from '../numbers/decimals.ts';
import { compareDecimals, decimalFromNumber, decimalText } from '../numbers/decimals.ts';
import { compareText } from '../text/text.ts';

/** JSON's null as a value of jsonb, in contrast to SQL's null, which is no value. Numbers of jsonb are exact. */
export const JSON_NULL: unique symbol = Symbol('JSON null');
export type JsonObject = ReadonlyMap<string, Json>;
export type Json = typeof JSON_NULL | boolean | string | Decimal | JsonArray | JsonObject;
export interface JsonArray extends ReadonlyArray<Json> {}

export const isObject = (value: Json): value is JsonObject => value instanceof Map;
export const isArray = (value: Json): value is JsonArray => Array.isArray(value);
export const isNumber = (value: Json): value is Decimal => typeof value === 'object' && 'digits' in value;

type Reviver = (key: string, value: unknown, context: { source?: string }) => unknown;

/** Parses jsonb. Numbers are read from their source text, because JSON.parse rounds them to double precision. */
export function jsonFromText(text: string): Json {
  const revive: Reviver = (_key, value, context) => fromParsed(value, context.source);
  try {
    return JSON.parse(text, revive as (key: string, value: unknown) => unknown) as Json;
  } catch (error) {
    if (error instanceof SqlError) throw error;
    if (error instanceof RangeError)
      throw new SqlError('54001', 'stack depth limit exceeded: the JSON is nested too deeply');
    throw new SqlError('22P02', `invalid input syntax for type json: ${(error as Error).message}`);
  }
}

function fromParsed(value: unknown, source: string | undefined): Json {
  switch (typeof value) {
    case 'number':
      return decimalFromNumber(source ?? String(value));
    case 'string':
      return storable(value);
    case 'boolean':
      return value;
    default:
      return value === null ? JSON_NULL : fromContainer(value as object);
  }
}

function fromContainer(value: object): Json {
  if (Array.isArray(value)) return value as Json[];
  const entries = Object.entries(value) as [string, Json][];
  for (const [key] of entries) storable(key);
  return new Map(entries);
}

/** Throws for a text that Postgres cannot store: one with U+0000 or an unpaired surrogate. */
export function storable(text: string): string {
  if (text.includes('\0'))
    throw new SqlError('22P05', 'unsupported Unicode escape sequence: \\u0000 cannot be converted to text');
  if (!text.isWellFormed())
    throw new SqlError(
      '22P02',
      'invalid input syntax for type json: Unicode high and low surrogates must come in pairs',
    );
  return text;
}

/** Prints jsonb as Postgres does: keys ordered by length, then by bytes; a space after each comma and colon. */
export function jsonText(value: Json): string {
  if (value === JSON_NULL) return 'null';
  if (typeof value === 'string') return JSON.stringify(value);
  if (typeof value === 'boolean') return String(value);
  if (isNumber(value)) return decimalText(value);
  if (isArray(value)) return `[${value.map(jsonText).join(', ')}]`;
  return `{${sortedKeys(value)
    .map((key) => `${JSON.stringify(key)}: ${jsonText(value.get(key) ?? JSON_NULL)}`)
    .join(', ')}}`;
}

export function sortedKeys(object: JsonObject): readonly string[] {
  return [...object.keys()].sort((a, b) => Buffer.byteLength(a) - Buffer.byteLength(b) || compareText(a, b));
}

export function jsonPretty(value: Json, indent = '\n'): string {
  const inner = `${indent}    `;
  if (isArray(value))
    return value.length === 0
      ? `[${indent}]`
      : `[${value.map((item) => inner + jsonPretty(item, inner)).join(',')}${indent}]`;
  if (!isObject(value)) return jsonText(value);
  const fields = sortedKeys(value).map(
    (key) => `${inner}${JSON.stringify(key)}: ${jsonPretty(value.get(key) ?? JSON_NULL, inner)}`,
  );
  return fields.length === 0 ? `{${indent}}` : `{${fields.join(',')}${indent}}`;
}

/** Ranks the kinds of jsonb for sorting. From highest to lowest: object, array, boolean, number, string, null. */
function rank(value: Json): number {
  if (value === JSON_NULL) return 0;
  if (typeof value === 'string') return 1;
  if (isNumber(value)) return 2;
  if (typeof value === 'boolean') return 3;
  return isArray(value) ? 4 : 5;
}

/** Orders two values as Postgres orders jsonb. As there, an empty array at the top level sorts below everything. */
export function compareJson(a: Json, b: Json): number {
  const [emptyA, emptyB] = [isArray(a) && a.length === 0, isArray(b) && b.length === 0];
  if (emptyA !== emptyB) return emptyA ? -1 : 1;
  return compareNested(a, b);
}

function compareNested(a: Json, b: Json): number {
  const ranks = rank(a) - rank(b);
  if (ranks !== 0) return ranks;
  if (typeof a === 'string') return compareText(a, b as string);
  if (typeof a === 'boolean') return Number(a) - Number(b as boolean);
  if (a === JSON_NULL) return 0;
  if (isNumber(a)) return compareDecimals(a, b as Decimal);
  return isArray(a) ? compareArrays(a, b as JsonArray) : compareObjects(a, b as JsonObject);
}

function compareArrays(a: JsonArray, b: JsonArray): number {
  if (a.length !== b.length) return a.length - b.length;
  for (const [i, item] of a.entries()) {
    const order = compareNested(item, b[i] ?? JSON_NULL);
    if (order !== 0) return order;
  }
  return 0;
}

/** Orders two objects pair by pair in stored order: first by key, then by value. */
function compareObjects(a: JsonObject, b: JsonObject): number {
  if (a.size !== b.size) return a.size - b.size;
  const keys = sortedKeys(b);
  for (const [i, key] of sortedKeys(a).entries()) {
    const other = keys[i] ?? '';
    const order = compareText(key, other) || compareNested(a.get(key) ?? JSON_NULL, b.get(other) ?? JSON_NULL);
    if (order !== 0) return order;
  }
  return 0;
}

export const equalJson = (a: Json, b: Json): boolean => compareNested(a, b) === 0;

/** Returns a text that is the same exactly for equal values, whatever the scales of their numbers. */
export function jsonIdentity(value: Json): string {
  if (value === JSON_NULL || typeof value === 'string' || typeof value === 'boolean') return jsonText(value);
  if (isNumber(value)) return decimalIdentity(value);
  if (isArray(value)) return `[${value.map(jsonIdentity).join()}]`;
  const field = (key: string): string => `${JSON.stringify(key)}:${jsonIdentity(value.get(key) ?? JSON_NULL)}`;
  return `{${sortedKeys(value).map(field).join()}}`;
}
