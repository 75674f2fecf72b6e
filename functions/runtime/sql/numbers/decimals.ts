import { invalidInput, SqlError } from '../errors/sql-error.ts';
import { trimSpace } from '../text/spaces.ts';

/**
 * A value of numeric: exactly `digits × 10^-scale`. The scale is kept as in Postgres: 1.0 and 1.00 are equal but print
 * differently. `special` is NaN or an infinity; digits and scale are zero then.
 */
export interface Decimal {
  readonly digits: bigint;
  readonly scale: number;
  readonly special: 'NaN' | 'Infinity' | '-Infinity' | undefined;
}

/** Postgres's limits for the digits before and after the decimal point. */
const MAX_WHOLE_DIGITS = 131072;
const MAX_SCALE = 16383;

export const NAN: Decimal = { digits: 0n, scale: 0, special: 'NaN' };
export const INFINITY: Decimal = { digits: 0n, scale: 0, special: 'Infinity' };
export const MINUS_INFINITY: Decimal = { digits: 0n, scale: 0, special: '-Infinity' };

const POWERS: bigint[] = [1n];

export function powerOfTen(exponent: number): bigint {
  if (exponent > 400) return 10n ** BigInt(exponent);
  for (let i = POWERS.length; i <= exponent; i += 1) POWERS.push((POWERS[i - 1] ?? 1n) * 10n);
  return POWERS[exponent] ?? 1n;
}

export function finite(digits: bigint, scale: number): Decimal {
  if (digits > 1_000_000_000_000_000_000n || digits < -1_000_000_000_000_000_000n) checkMagnitude(digits, scale);
  return { digits, scale, special: undefined };
}

let largest: bigint | undefined;

function checkMagnitude(digits: bigint, scale: number): void {
  largest ??= 10n ** BigInt(MAX_WHOLE_DIGITS);
  const size = digits < 0n ? -digits : digits;
  if (size >= largest && size >= largest * powerOfTen(scale))
    throw new SqlError('22003', 'value overflows numeric format');
}

/** Most numbers. */
const PLAIN = /^-?\d+(?:\.\d+)?$/;
const DECIMAL = /^([+-]?)(\d+(?:_\d+)*)?(?:(\.)(\d+(?:_\d+)*)?)?(?:e([+-]?\d+(?:_\d+)*))?$/i;
const WHOLE = /^([+-]?)(0x(?:_?[0-9a-f])+|0o(?:_?[0-7])+|0b(?:_?[01])+)$/i;

export function decimalFromText(text: string): Decimal {
  if (text.length < 16 && PLAIN.test(text)) return decimalFromNumber(text);
  const trimmed = trimSpace(text);
  const match = DECIMAL.exec(trimmed);
  if (match === null || (match[2] === undefined && match[4] === undefined)) return specialFromText(trimmed, text);
  const whole = (match[2] ?? '').replaceAll('_', '');
  const fraction = (match[4] ?? '').replaceAll('_', '');
  return fromParts(`${match[1]}${whole}${fraction}`, fraction.length, (match[5] ?? '0').replaceAll('_', ''));
}

function specialFromText(trimmed: string, text: string): Decimal {
  const special = SPECIAL.get(trimmed.toLowerCase());
  if (special !== undefined) return special;
  const match = WHOLE.exec(trimmed);
  if (match === null) invalidInput('numeric', text);
  const value = BigInt((match[2] ?? '').replaceAll('_', ''));
  return finite(match[1] === '-' ? -value : value, 0);
}

const SPECIAL = new Map([
  ['nan', NAN],
  ['inf', INFINITY],
  ['+inf', INFINITY],
  ['-inf', MINUS_INFINITY],
  ['infinity', INFINITY],
  ['+infinity', INFINITY],
  ['-infinity', MINUS_INFINITY],
]);

/** Reads a JSON number, which needs no trimming and has no special values. */
export function decimalFromNumber(text: string): Decimal {
  if (text.length < 16) {
    const dot = text.indexOf('.');
    if (!/[eE]/.test(text)) {
      if (dot === -1) return { digits: BigInt(text), scale: 0, special: undefined };
      return {
        digits: BigInt(text.slice(0, dot) + text.slice(dot + 1)),
        scale: text.length - dot - 1,
        special: undefined,
      };
    }
  }
  return decimalFromText(text);
}

function fromParts(digits: string, fractionLength: number, exponentText: string): Decimal {
  const exponent = Number(exponentText);
  // Postgres rejects exponents beyond half the range of a 32-bit integer, even if all digits are zero.
  if (Math.abs(exponent) >= 1073741823) throw new SqlError('22003', 'value overflows numeric format');
  const value = BigInt(digits.startsWith('+') ? digits.slice(1) : digits);
  const scale = fractionLength - exponent;
  if (scale > MAX_SCALE) return rounded(value, scale, MAX_SCALE);
  if (scale >= 0) return finite(value, scale);
  if (value === 0n) return finite(0n, 0);
  if (-scale > MAX_WHOLE_DIGITS) throw new SqlError('22003', 'value overflows numeric format');
  return finite(value * powerOfTen(-scale), 0);
}

function rounded(value: bigint, scale: number, to: number): Decimal {
  if (scale - to > 200_000) return finite(0n, to);
  return finite(divideRounded(value, powerOfTen(scale - to)), to);
}

/** Divides integers and rounds halves away from zero. */
export function divideRounded(dividend: bigint, divisor: bigint): bigint {
  const negative = dividend < 0n !== divisor < 0n;
  const [a, b] = [dividend < 0n ? -dividend : dividend, divisor < 0n ? -divisor : divisor];
  const quotient = (a * 2n + b) / (b * 2n);
  return negative ? -quotient : quotient;
}

/** Returns the digits of a number at a scale that is not smaller than its own. */
export function digitsAt(a: Decimal, scale: number): bigint {
  return a.scale === scale ? a.digits : a.digits * powerOfTen(scale - a.scale);
}

/** Changes the scale; rounds halves away from zero if the scale gets smaller. */
export function withScale(a: Decimal, scale: number): Decimal {
  if (a.special !== undefined || a.scale === scale) return a;
  if (scale > a.scale) return finite(digitsAt(a, scale), scale);
  return finite(divideRounded(a.digits, powerOfTen(a.scale - scale)), scale);
}

export function decimalText(a: Decimal): string {
  if (a.special !== undefined) return a.special;
  return pointedText(a.digits, a.scale);
}

/** Writes digits with a point before the last ones. */
export function pointedText(value: bigint | number, scale: number): string {
  if (scale === 0) return String(value);
  const negative = value < 0;
  const digits = String(negative ? -value : value).padStart(scale + 1, '0');
  return `${negative ? '-' : ''}${digits.slice(0, -scale)}.${digits.slice(-scale)}`;
}

const RANK = { '-Infinity': -1, Infinity: 1, NaN: 2 };
const rank = (a: Decimal): number => (a.special === undefined ? 0 : RANK[a.special]);

/** Orders two numerics. NaN equals itself and is greater than everything else. */
export function compareDecimals(a: Decimal, b: Decimal): number {
  if (a.special !== undefined || b.special !== undefined) return rank(a) - rank(b);
  const scale = a.scale > b.scale ? a.scale : b.scale;
  const [x, y] = [digitsAt(a, scale), digitsAt(b, scale)];
  return x < y ? -1 : x > y ? 1 : 0;
}

export const equalDecimals = (a: Decimal, b: Decimal): boolean => compareDecimals(a, b) === 0;
export const isZero = (a: Decimal): boolean => a.digits === 0n && a.special === undefined;
export const signOf = (a: Decimal): number =>
  a.special === undefined ? (a.digits < 0n ? -1 : a.digits > 0n ? 1 : 0) : a.special === '-Infinity' ? -1 : 1;
