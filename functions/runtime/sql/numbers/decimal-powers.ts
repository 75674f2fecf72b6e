import { divisionByZero, SqlError } from '../errors/sql-error.ts';
import {
  decimalsFor,
  exponentialOf,
  firstDigits,
  logarithmOf,
  logarithmWeight,
  weightOf,
} from './decimal-logarithms.ts';
import type { Decimal } from './decimals.ts';
import {
  decimalText,
  divideRounded,
  finite,
  INFINITY,
  isZero,
  MINUS_INFINITY,
  NAN,
  powerOfTen,
  signOf,
  withScale,
} from './decimals.ts';

const ONE = finite(1n, 0);
const ZERO = finite(0n, 0);

/** Returns `base ^ exponent` of numeric, with the same digits as Postgres. */
export function powerDecimals(base: Decimal, exponent: Decimal): Decimal {
  if (base.special === 'NaN') return isZero(exponent) ? ONE : NAN;
  if (exponent.special === 'NaN') return equals(base, 1n) ? ONE : NAN;
  const sign = signOf(exponent);
  if (isZero(base) && sign < 0) throw new SqlError('2201F', 'zero raised to a negative power is undefined');
  if (signOf(base) < 0 && !isWhole(exponent))
    throw new SqlError('2201F', 'a negative number raised to a non-integer power yields a complex result');
  if (base.special !== undefined || exponent.special !== undefined) return powerOfInfinity(base, exponent);
  return isInt(exponent) ? wholePower(base, exponent) : realPower(base, exponent);
}

const equals = (a: Decimal, whole: bigint): boolean =>
  a.special === undefined && a.digits === whole * powerOfTen(a.scale);
const isWhole = (a: Decimal): boolean => a.special !== undefined || a.digits % powerOfTen(a.scale) === 0n;
const isOdd = (a: Decimal): boolean => isWhole(a) && (a.digits / powerOfTen(a.scale)) % 2n !== 0n;

function isInt(a: Decimal): boolean {
  const whole = a.digits / powerOfTen(a.scale);
  return isWhole(a) && whole >= -2147483648n && whole <= 2147483647n;
}

/** Applies the rules of POSIX's pow for infinities. */
function powerOfInfinity(base: Decimal, exponent: Decimal): Decimal {
  const sign = signOf(exponent);
  if (equals(base, 1n) || sign === 0) return ONE;
  if (isZero(base)) return ZERO;
  if (exponent.special !== undefined) {
    if (equals(base, -1n)) return ONE;
    return isBeyondOne(base) === sign > 0 ? INFINITY : ZERO;
  }
  if (sign < 0) return ZERO;
  return base.special === '-Infinity' && isOdd(exponent) ? MINUS_INFINITY : INFINITY;
}

function isBeyondOne({ digits, scale, special }: Decimal): boolean {
  return special !== undefined || (digits < 0n ? -digits : digits) > powerOfTen(scale);
}

function wholePower(base: Decimal, exponent: Decimal): Decimal {
  const n = Number(exponent.digits / powerOfTen(exponent.scale));
  const size = sizeOfPower(base, n);
  if (size > 131072) throw overflow();
  if (size + 1 < -1000) return finite(0n, 1000);
  const decimals = decimalsFor(Math.trunc(size), [base, exponent]);
  if (n === 0) return withScale(ONE, decimals);
  if (isZero(base)) return n < 0 ? divisionByZero() : finite(0n, decimals);
  return multiplied(base, n, decimals);
}

const overflow = (): SqlError => new SqlError('22003', 'value overflows numeric format');

/** Estimates the logarithm of the result to base 10. */
function sizeOfPower(base: Decimal, n: number): number {
  if (isZero(base)) return 0;
  const { weight, digits, used } = firstDigits(base, 4);
  return n * (Math.log10(digits) + (weight - used + 1) * 4);
}

/** Computes a power by repeated squaring, with more digits than the result needs. */
function multiplied(base: Decimal, n: number, decimals: number): Decimal {
  const times = Math.abs(n);
  const kept = decimals + Math.max(Math.trunc(sizeOfPower(base, n)), 0) + Math.ceil(Math.log10(times + 1)) + 20;
  let result: Real = { digits: 1n, exponent: 0 };
  let square: Real = { digits: base.digits, exponent: -base.scale };
  for (let rest = times; rest > 0; rest = Math.floor(rest / 2)) {
    if (rest % 2 === 1) result = product(result, square, kept);
    if (rest > 1) square = product(square, square, kept);
  }
  return n > 0 ? fixed(result, decimals) : inverse(result, decimals);
}

/** A number `digits × 10^exponent` of limited precision. */
interface Real {
  readonly digits: bigint;
  readonly exponent: number;
}

function product(a: Real, b: Real, kept: number): Real {
  const digits = a.digits * b.digits;
  const exponent = a.exponent + b.exponent;
  const surplus = String(digits < 0n ? -digits : digits).length - kept;
  return surplus <= 0
    ? { digits, exponent }
    : { digits: divideRounded(digits, powerOfTen(surplus)), exponent: exponent + surplus };
}

function fixed({ digits, exponent }: Real, decimals: number): Decimal {
  const shift = exponent + decimals;
  return finite(shift >= 0 ? digits * powerOfTen(shift) : divideRounded(digits, powerOfTen(-shift)), decimals);
}

function inverse({ digits, exponent }: Real, decimals: number): Decimal {
  const shift = decimals - exponent;
  return finite(shift >= 0 ? divideRounded(powerOfTen(shift), digits) : 0n, decimals);
}

function realPower(base: Decimal, exponent: Decimal): Decimal {
  if (isZero(base)) return finite(0n, 16);
  const negative = signOf(base) < 0;
  const size: Decimal = negative ? { ...base, digits: -base.digits } : base;
  const weight = logarithmWeight(size);
  const rough = timesLogarithm(size, exponent, Math.max(8 - weight, 0));
  const estimate = Number(decimalText(rough));
  if (Math.abs(estimate) > 6020) {
    if (estimate > 0) throw overflow();
    return finite(0n, 1000);
  }
  const resultWeight = weightOf(estimate);
  const decimals = decimalsFor(resultWeight, [base, exponent]);
  // Takes as many digits of the logarithm as decide the digits of the result.
  const exact = timesLogarithm(size, exponent, Math.max(Math.max(1 + decimals + resultWeight, 0) - weight + 8, 0));
  const result = exponentialOf(exact, decimals);
  return negative && isOdd(exponent) ? { ...result, digits: -result.digits } : result;
}

/** Returns `exponent × ln(base)`; the logarithm and the product are rounded to this many decimals. */
function timesLogarithm(base: Decimal, exponent: Decimal, decimals: number): Decimal {
  const { digits, scale } = logarithmOf(base, decimals);
  return withScale(finite(digits * exponent.digits, scale + exponent.scale), decimals);
}
