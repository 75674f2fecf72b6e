import { SqlError } from '../errors/sql-error.ts';
import type { Decimal } from '../numbers/decimals.ts';
import { decimalFromText } from '../numbers/decimals.ts';
import { doubleText } from '../numbers/doubles.ts';
import type { Json, JsonArray } from './json.ts';
import { isArray, isNumber, isObject, JSON_NULL, storable } from './json.ts';

/** Converts SQL's null to JSON's null. This file converts values to jsonb and jsonb to values. */
export const orJsonNull = (value: Json | null): Json => value ?? JSON_NULL;

export const jsonFromString = (text: string): Json => storable(text);
export const jsonFromInteger = (value: number | bigint): Json => decimalFromText(String(value));
export const jsonFromBoolean = (value: boolean): Json => value;
export const jsonFromJson = (value: Json): Json => value;

/** Converts a numeric to jsonb. NaN and the infinities become strings, because they are not numbers in JSON. */
export const jsonFromDecimal = (value: Decimal): Json => value.special ?? value;
export const jsonFromDouble = (value: number): Json =>
  Number.isFinite(value) ? decimalFromText(doubleText(value)) : doubleText(value);

/** Builds an object from `[key, value, key, value, …]`. */
export function jsonBuildObject(parts: readonly (string | Json | null)[]): Json {
  const object = new Map<string, Json>();
  for (let i = 0; i < parts.length; i += 2) {
    const key = parts[i];
    if (typeof key !== 'string') throw new SqlError('22023', `argument ${i + 1}: key must not be null`);
    object.set(key, parts[i + 1] ?? JSON_NULL);
  }
  return object;
}

export const jsonBuildArray = (parts: readonly (Json | null)[]): Json => parts.map(orJsonNull);

/** Converts an array to jsonb, with the converter of its elements. */
export const jsonFromArray =
  <T>(convert: (value: T) => Json) =>
  (values: readonly (T | null)[]): Json =>
    values.map((value) => (value === null ? JSON_NULL : convert(value)));

export function jsonTypeof(value: Json): string {
  if (value === JSON_NULL) return 'null';
  if (isNumber(value)) return 'number';
  if (isArray(value)) return 'array';
  return isObject(value) ? 'object' : typeof value;
}

export function jsonArrayLength(value: Json): number {
  if (isArray(value)) return value.length;
  throw new SqlError('22023', `cannot get array length of a ${isObject(value) ? 'non-array' : 'scalar'}`);
}

export function jsonToBoolean(value: Json): boolean | null {
  if (value === JSON_NULL) return null;
  return typeof value === 'boolean' ? value : cannotCast(value, 'boolean');
}

export function jsonToDecimal(value: Json): Decimal | null {
  return jsonToNumber(value, 'numeric');
}

export function jsonToNumber(value: Json, type: string): Decimal | null {
  if (value === JSON_NULL) return null;
  return isNumber(value) ? value : cannotCast(value, type);
}

function cannotCast(value: Json, type: string): never {
  const kind = jsonTypeof(value);
  const of = kind === 'string' || kind === 'boolean' ? kind : kind === 'number' ? 'numeric' : `array or object`;
  throw new SqlError('22023', `cannot cast jsonb ${of} to type ${type}`);
}

export function jsonStripNulls(value: Json): Json {
  return stripNulls(value, false);
}

export function jsonStripNullsIn(value: Json, inArrays: boolean): Json {
  return stripNulls(value, inArrays);
}

function stripNulls(value: Json, inArrays: boolean): Json {
  if (isArray(value))
    return value.filter((item) => !inArrays || item !== JSON_NULL).map((item) => stripNulls(item, inArrays));
  if (!isObject(value)) return value;
  const kept = [...value].filter(([, item]) => item !== JSON_NULL);
  return new Map(kept.map(([key, item]) => [key, stripNulls(item, inArrays)] as const));
}

export function asArray(value: Json): JsonArray {
  return isArray(value) ? value : [value];
}
