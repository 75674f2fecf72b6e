import { divisionByZero, invalidInput, outOfRange, SqlError } from '../errors/sql-error.ts';
import { trimSpace } from '../text/spaces.ts';

/**
 * A double precision is a JavaScript number. As in Postgres, an operation that overflows to infinity or underflows to
 * zero is an error, unlike in IEEE arithmetic.
 */
function checked(result: number, mayBeInfinite: boolean, mayBeZero: boolean): number {
  if (!mayBeInfinite && (result === Infinity || result === -Infinity))
    throw new SqlError('22003', 'value out of range: overflow');
  if (!mayBeZero && result === 0) throw new SqlError('22003', 'value out of range: underflow');
  return result;
}

const infinite = (a: number): boolean => a === Infinity || a === -Infinity;

export const addDoubles = (a: number, b: number): number => checked(a + b, infinite(a) || infinite(b), true);
export const subtractDoubles = (a: number, b: number): number => checked(a - b, infinite(a) || infinite(b), true);
export const multiplyDoubles = (a: number, b: number): number =>
  checked(a * b, infinite(a) || infinite(b), a === 0 || b === 0);

export function divideDoubles(a: number, b: number): number {
  if (b === 0 && !Number.isNaN(a)) divisionByZero();
  return checked(a / b, infinite(a), a === 0 || infinite(b));
}

export const negateDouble = (a: number): number => -a;
export const absDouble = (a: number): number => Math.abs(a);
export const ceilDouble = (a: number): number => Math.ceil(a);
export const floorDouble = (a: number): number => Math.floor(a);
export const truncDouble = (a: number): number => Math.trunc(a);
export const signDouble = (a: number): number => (a > 0 ? 1 : a < 0 ? -1 : 0);

/** Rounds to an integer, halves to even, as C's rint does. */
export function roundDouble(a: number): number {
  const floor = Math.floor(a);
  const rest = a - floor;
  if (!Number.isFinite(a) || rest === 0) return a;
  const rounded = rest < 0.5 ? floor : rest > 0.5 ? floor + 1 : floor % 2 === 0 ? floor : floor + 1;
  return rounded === 0 && a < 0 ? -0 : rounded;
}

/** Orders two numbers. NaN equals itself and is greater than everything else, so that it can be sorted. */
export function compareDoubles(a: number, b: number): number {
  if (a < b) return -1;
  if (a > b) return 1;
  if (a === b) return 0;
  return Number.isNaN(a) ? (Number.isNaN(b) ? 0 : 1) : -1;
}

export const equalDoubles = (a: number, b: number): boolean => a === b || (Number.isNaN(a) && Number.isNaN(b));

/**
 * Prints the shortest text that reads back as the same number; as in Postgres, with an exponent below -4 or above 14.
 */
export function doubleText(a: number): string {
  if (Number.isNaN(a)) return 'NaN';
  if (infinite(a)) return a > 0 ? 'Infinity' : '-Infinity';
  if (a === 0) return Object.is(a, -0) ? '-0' : '0';
  const [mantissa = '', exponent = ''] = a.toExponential().split('e');
  const power = Number(exponent);
  if (power < -4 || power >= 15)
    return `${mantissa}e${power < 0 ? '-' : '+'}${String(Math.abs(power)).padStart(2, '0')}`;
  return power < 0 || !Number.isInteger(a) ? plain(mantissa, power) : a.toFixed(0);
}

function plain(mantissa: string, power: number): string {
  const sign = mantissa.startsWith('-') ? '-' : '';
  const digits = mantissa.replace('-', '').replace('.', '');
  if (power < 0) return `${sign}0.${'0'.repeat(-power - 1)}${digits}`;
  return `${sign}${digits.slice(0, power + 1)}.${digits.slice(power + 1)}`;
}

const DOUBLE = /^[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:e[+-]?\d+)?$/i;
const NONZERO_MANTISSA = /^[^e]*[1-9]/i;

export function doubleFromText(text: string): number {
  const trimmed = trimSpace(text);
  const special = SPECIAL.get(trimmed.toLowerCase());
  if (special !== undefined) return special;
  if (!DOUBLE.test(trimmed)) invalidInput('double precision', text);
  const value = Number(trimmed);
  if (infinite(value) || (value === 0 && NONZERO_MANTISSA.test(trimmed)))
    throw new SqlError('22003', `"${text}" is out of range for type double precision`);
  return value;
}

const SPECIAL = new Map([
  ['nan', NaN],
  ['inf', Infinity],
  ['+inf', Infinity],
  ['-inf', -Infinity],
  ['infinity', Infinity],
  ['+infinity', Infinity],
  ['-infinity', -Infinity],
]);

export function doubleToInteger(a: number): number {
  const rounded = roundDouble(a);
  if (!(rounded >= -2147483648 && rounded <= 2147483647)) outOfRange('integer');
  return rounded === 0 ? 0 : rounded;
}

export function doubleToBigint(a: number): bigint {
  const rounded = roundDouble(a);
  if (!(rounded >= -(2 ** 63) && rounded < 2 ** 63)) outOfRange('bigint');
  return BigInt(rounded);
}

export const integerToDouble = (a: number): number => a;
export const bigintToDouble = (a: bigint): number => Number(a);
