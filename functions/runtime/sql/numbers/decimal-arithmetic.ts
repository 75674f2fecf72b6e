import { divisionByZero } from '../errors/sql-error.ts';
import type { Decimal } from './decimals.ts';
import {
  digitsAt,
  divideRounded,
  finite,
  INFINITY,
  isZero,
  MINUS_INFINITY,
  NAN,
  powerOfTen,
  signOf,
} from './decimals.ts';

const isNan = (a: Decimal): boolean => a.special === 'NaN';
const infinity = (sign: number): Decimal => (sign < 0 ? MINUS_INFINITY : INFINITY);

export function addDecimals(a: Decimal, b: Decimal): Decimal {
  if (a.special !== undefined || b.special !== undefined) return addSpecial(a, b);
  const scale = Math.max(a.scale, b.scale);
  return finite(digitsAt(a, scale) + digitsAt(b, scale), scale);
}

function addSpecial(a: Decimal, b: Decimal): Decimal {
  if (isNan(a) || isNan(b)) return NAN;
  if (a.special !== undefined && b.special !== undefined) return a.special === b.special ? a : NAN;
  return a.special === undefined ? b : a;
}

export function negateDecimal(a: Decimal): Decimal {
  if (a.special === undefined) return { digits: -a.digits, scale: a.scale, special: undefined };
  return isNan(a) ? a : infinity(-signOf(a));
}

export const subtractDecimals = (a: Decimal, b: Decimal): Decimal => addDecimals(a, negateDecimal(b));

export function multiplyDecimals(a: Decimal, b: Decimal): Decimal {
  if (a.special !== undefined || b.special !== undefined) {
    if (isNan(a) || isNan(b) || isZero(a) || isZero(b)) return NAN;
    return infinity(signOf(a) * signOf(b));
  }
  const scale = a.scale + b.scale;
  if (scale <= 16383) return finite(a.digits * b.digits, scale);
  return finite(divideRounded(a.digits * b.digits, powerOfTen(scale - 16383)), 16383);
}

export function divideDecimals(a: Decimal, b: Decimal): Decimal {
  if (a.special !== undefined || b.special !== undefined) return divideSpecial(a, b);
  if (b.digits === 0n) divisionByZero();
  const scale = quotientScale(a, b);
  const shift = scale + b.scale - a.scale;
  return finite(
    divideRounded(a.digits * powerOfTen(Math.max(shift, 0)), b.digits * powerOfTen(Math.max(-shift, 0))),
    scale,
  );
}

function divideSpecial(a: Decimal, b: Decimal): Decimal {
  if (isNan(a) || isNan(b)) return NAN;
  if (a.special === undefined) return finite(0n, 0);
  if (b.special !== undefined) return NAN;
  if (isZero(b)) divisionByZero();
  return infinity(signOf(a) * signOf(b));
}

/**
 * Chooses the scale of a quotient as Postgres does: 16 significant digits, and the scale of either operand, at least.
 */
function quotientScale(a: Decimal, b: Decimal): number {
  const [x, y] = [leading(a), leading(b)];
  const weight = x.weight - y.weight - (x.first <= y.first ? 1 : 0);
  return Math.min(Math.max(16 - weight * 4, a.scale, b.scale, 0), 1000);
}

/** Returns the first digit of a number in base 10,000, as Postgres stores it, and the power of that digit. */
export function leading(a: Decimal): { weight: number; first: number } {
  if (a.digits === 0n) return { weight: 0, first: 0 };
  const digits = String(a.digits < 0n ? -a.digits : a.digits);
  const exponent = digits.length - a.scale - 1;
  const weight = Math.floor(exponent / 4);
  const taken = exponent - weight * 4 + 1;
  return { weight, first: Number(digits.slice(0, taken).padEnd(taken, '0')) };
}

/** Returns the remainder, with the sign of the dividend. */
export function modDecimals(a: Decimal, b: Decimal): Decimal {
  if (a.special !== undefined || b.special !== undefined) {
    if (isNan(a) || isNan(b)) return NAN;
    if (isZero(b)) divisionByZero();
    return a.special === undefined ? a : NAN;
  }
  if (b.digits === 0n) divisionByZero();
  const scale = Math.max(a.scale, b.scale);
  return finite(digitsAt(a, scale) % digitsAt(b, scale), scale);
}

/** Returns the whole quotient, truncated towards zero. */
export function divDecimals(a: Decimal, b: Decimal): Decimal {
  if (a.special !== undefined || b.special !== undefined) return divideSpecial(a, b);
  if (b.digits === 0n) divisionByZero();
  const scale = Math.max(a.scale, b.scale);
  return finite(digitsAt(a, scale) / digitsAt(b, scale), 0);
}
