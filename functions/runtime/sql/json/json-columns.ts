import type { SqlArray } from '../arrays/arrays.ts';
import { SqlError } from '../errors/sql-error.ts';
import { decimalToDouble, trimScale } from '../numbers/decimal-functions.ts';
import type { Decimal } from '../numbers/decimals.ts';
import { decimalFromText } from '../numbers/decimals.ts';
import { doubleFromText } from '../numbers/doubles.ts';
import { bytesFromText } from '../text/bytes.ts';
import { uuidFromText } from '../text/uuids.ts';
import { dateFromText } from '../time/dates.ts';
import { intervalFromText } from '../time/interval-text.ts';
import type { Interval } from '../time/intervals.ts';
import { timestampFromText, timestamptzFromText } from '../time/timestamps.ts';
import type { Json } from './json.ts';
import { isArray, isNumber, isObject, JSON_NULL } from './json.ts';
import { jsonTypeof } from './json-building.ts';

/**
 * Reads a field of an object; null if it is missing or null. The functions of this file convert JSON of an event to the
 * type of its column, and throw `SqlError` for a value that does not fit, which rejects the event.
 */
export function readField<T>(record: Json | null, field: string, read: (value: Json) => T): T | null {
  if (record === null || !isObject(record)) return null;
  const value = record.get(field);
  return value === undefined || value === JSON_NULL ? null : read(value);
}

/** Reads a field that the schema declares as not null. */
export function requireField<T>(record: Json, field: string, read: (value: Json) => T): T {
  const value = readField(record, field, read);
  if (value === null) throw new SqlError('22004', `field "${field}" is missing or null`);
  return value;
}

export function misfit(value: Json, type: string): never {
  throw new SqlError('22023', `a JSON ${jsonTypeof(value)} does not fit a column of type ${type}`);
}

const textOf = (value: Json, type: string): string => (typeof value === 'string' ? value : misfit(value, type));
const numberOf = (value: Json, type: string): Decimal => (isNumber(value) ? value : misfit(value, type));

export const booleanFromJson = (value: Json): boolean =>
  typeof value === 'boolean' ? value : misfit(value, 'boolean');
export const textFromJson = (value: Json): string => textOf(value, 'text');
export const uuidFromJson = (value: Json): string => uuidFromText(textOf(value, 'uuid'));
export const dateFromJson = (value: Json): number => dateFromText(textOf(value, 'date'));
export const timestampFromJson = (value: Json): bigint => timestampFromText(textOf(value, 'timestamp'));
export const timestamptzFromJson = (value: Json): bigint => timestamptzFromText(textOf(value, 'timestamptz'));
export const intervalFromJson = (value: Json): Interval => intervalFromText(textOf(value, 'interval'));
export const bytesFromJson = (value: Json): Uint8Array => bytesFromText(textOf(value, 'bytea'));
export const recordFromJson = (value: Json): Json => (isObject(value) ? value : misfit(value, 'object'));

/** Reads a numeric. Also accepts the texts NaN, Infinity and -Infinity, because Postgres writes these values so. */
export const decimalFromJson = (value: Json): Decimal =>
  value === 'NaN' || value === 'Infinity' || value === '-Infinity'
    ? decimalFromText(value)
    : numberOf(value, 'numeric');
export const doubleFromJson = (value: Json): number =>
  value === 'NaN' || value === 'Infinity' || value === '-Infinity'
    ? doubleFromText(value)
    : decimalToDouble(numberOf(value, 'double precision'));

/** Reads a whole number; 1.0 is one. */
function wholeFromJson(value: Json, type: string): bigint {
  const whole = trimScale(numberOf(value, type));
  if (whole.scale > 0)
    throw new SqlError('22023', `a JSON number with a fraction does not fit a column of type ${type}`);
  return whole.digits;
}

export function integerFromJson(value: Json): number {
  const whole = wholeFromJson(value, 'integer');
  if (whole < -2147483648n || whole > 2147483647n)
    throw new SqlError('22003', `value ${whole} is out of range for type integer`);
  return Number(whole);
}

export function bigintFromJson(value: Json): bigint {
  const whole = wholeFromJson(value, 'bigint');
  if (whole < -(2n ** 63n) || whole >= 2n ** 63n)
    throw new SqlError('22003', `value ${whole} is out of range for type bigint`);
  return whole;
}

export const arrayFromJson =
  <T>(read: (value: Json) => T) =>
  (value: Json): SqlArray<T> =>
    isArray(value) ? value.map((item) => (item === JSON_NULL ? null : read(item))) : misfit(value, 'array');
