import { decimalToBigint, decimalToDouble, decimalToInteger } from '../numbers/decimal-functions.ts';
import type { Json } from './json.ts';
import { jsonToNumber } from './json-building.ts';

/**
 * Converts a number of jsonb to integer. Conversions go through numeric, so they round and overflow as numeric does.
 */
export function jsonToInteger(value: Json): number | null {
  const number = jsonToNumber(value, 'integer');
  return number === null ? null : decimalToInteger(number);
}

export function jsonToBigint(value: Json): bigint | null {
  const number = jsonToNumber(value, 'bigint');
  return number === null ? null : decimalToBigint(number);
}

export function jsonToDouble(value: Json): number | null {
  const number = jsonToNumber(value, 'double precision');
  return number === null ? null : decimalToDouble(number);
}
