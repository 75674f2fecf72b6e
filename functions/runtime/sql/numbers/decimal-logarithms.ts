import { divisionByZero, SqlError } from '../errors/sql-error.ts';
import { addDecimals, leading } from './decimal-arithmetic.ts';
import type { Decimal } from './decimals.ts';
import { decimalText, divideRounded, finite, INFINITY, NAN, powerOfTen, signOf, withScale } from './decimals.ts';
import { bitsFor, logarithm, scaled } from './fixed-point.ts';

/**
 * The least number of significant digits in exp, ln and log of numeric. Postgres gives at least these, and at least as
 * many decimals as the argument has. It chooses the number of decimals by a rough estimate of the result's size. The
 * estimates here are the same as Postgres's, because they decide how many decimals are printed.
 */
const SIGNIFICANT = 16;
const MAX_DECIMALS = 1000;
// log10(e) as Postgres writes it, which is not the nearest double.
// biome-ignore lint/suspicious/noApproximativeNumericConstant: the value has to be the one that Postgres uses
const LOG10_E = 0.434294481903252;

/** Returns the number of decimals of a result whose first digit stands at 10^weight. */
export function decimalsFor(weight: number, args: readonly Decimal[]): number {
  return Math.min(Math.max(SIGNIFICANT - weight, ...args.map(({ scale }) => scale), 0), MAX_DECIMALS);
}

export const weightOf = (logarithmOfResult: number): number => Math.trunc(logarithmOfResult * LOG10_E);

export function expDecimal(a: Decimal): Decimal {
  if (a.special !== undefined) return a.special === '-Infinity' ? finite(0n, 0) : a;
  const size = Math.min(Math.max(Number(decimalText(a)) * LOG10_E, -2000), 2000);
  return exponentialOf(a, decimalsFor(Math.trunc(size), [a]));
}

/**
 * Returns e to the power of a number, with this many decimals. Rounds every step to as many decimals as Postgres keeps,
 * because the rounding can decide the last digit: `0.999999999999999999999 ^ 2.5` is a tie but for the dropped
 * decimals.
 */
export function exponentialOf(a: Decimal, decimals: number): Decimal {
  const size = Number(decimalText(a));
  if (Math.abs(size) >= 6000) {
    if (size > 0) throw new SqlError('22003', 'value overflows numeric format');
    return finite(0n, decimals);
  }
  let halvings = 0;
  for (let rest = Math.abs(size); rest > LARGEST_TERM; rest /= 2) halvings += 1;
  const digits = Math.max(1 + weightOf(size) + decimals + Math.trunc(halvings * LOG10_2), 0) + 8;
  // Dividing by a power of two is exact with one more decimal for each halving.
  let result = exponentialSeries(finite(a.digits * 5n ** BigInt(halvings), a.scale + halvings), digits - 1);
  for (let left = halvings; left > 0; left -= 1)
    result = productAt(result, result, Math.max(digits - leading(result).weight * 8, 0));
  return withScale(result, decimals);
}

/** The largest argument of the series: so near to zero that the series is short. */
const LARGEST_TERM = 0.01;
const LOG10_2 = 0.301029995663981;

/** Sums 1 + x + x²/2! + … until a term is zero at this many decimals. */
function exponentialSeries(x: Decimal, decimals: number): Decimal {
  let sum = addDecimals(finite(1n, 0), x);
  let term = x;
  for (let n = 2n; ; n += 1n) {
    term = finite(divideRounded(productAt(term, x, decimals).digits, n), decimals);
    if (term.digits === 0n) return sum;
    sum = addDecimals(sum, term);
  }
}

function productAt(a: Decimal, b: Decimal, decimals: number): Decimal {
  return withScale(finite(a.digits * b.digits, a.scale + b.scale), decimals);
}

export function lnDecimal(a: Decimal): Decimal {
  if (a.special !== undefined) return lnSpecial(a);
  return logarithmOf(a, decimalsFor(logarithmWeight(a), [a]));
}

function lnSpecial(a: Decimal): Decimal {
  return a.special === '-Infinity' ? requirePositive(a) : a;
}

function requirePositive(a: Decimal): Decimal {
  const sign = signOf(a);
  if (a.special !== 'NaN' && sign <= 0)
    throw new SqlError('2201E', `cannot take logarithm of ${sign === 0 ? 'zero' : 'a negative number'}`);
  return a;
}

/** Returns the natural logarithm with this many decimals. */
export function logarithmOf(a: Decimal, decimals: number): Decimal {
  requirePositive(a);
  const bits = bitsFor(decimals);
  return finite(scaled(logarithm(a.digits, powerOfTen(a.scale), bits), powerOfTen(decimals), bits), decimals);
}

/** Estimates the position of the first digit of a natural logarithm, as Postgres does. */
export function logarithmWeight(a: Decimal): number {
  if (signOf(a) <= 0) return 0;
  const one = powerOfTen(a.scale);
  if (a.digits * 10n >= one * 9n && a.digits * 10n <= one * 11n) return weightNearOne(finite(a.digits - one, a.scale));
  const { weight, digits, used } = firstDigits(a, 2);
  const estimate = Math.log(digits) + (weight - used + 1) * 4 * Math.LN10;
  return Math.trunc(Math.log10(Math.abs(estimate)));
}

function weightNearOne(distance: Decimal): number {
  if (distance.digits === 0n) return 0;
  const { weight, first } = leading(distance);
  return weight * 4 + Math.trunc(Math.log10(first));
}

/** Returns the first digits of a number in base 10,000 as one number, without zeros at the end. */
export function firstDigits(a: Decimal, count: number): { weight: number; digits: number; used: number } {
  const { weight } = leading(a);
  const size = a.digits < 0n ? -a.digits : a.digits;
  // The digit at `weight - i` is what is left of the point when it is moved there.
  let [digits, used, zeros] = [0, 0, 0];
  for (let i = 0; i < count; i += 1) {
    const shift = (i - weight) * 4 - a.scale;
    const shifted = shift >= 0 ? size * powerOfTen(shift) : size / powerOfTen(-shift);
    const digit = Number(shifted % 10_000n);
    if (digit === 0) {
      zeros += 1;
      continue;
    }
    digits = digits * 10_000 ** (zeros + 1) + digit;
    used += zeros + 1;
    zeros = 0;
  }
  return { weight, digits, used };
}

export const log10Decimal = (a: Decimal): Decimal => logDecimals(finite(10n, 0), a);

/** Returns the logarithm of `a` to a base. */
export function logDecimals(base: Decimal, a: Decimal): Decimal {
  if (base.special !== undefined || a.special !== undefined) return logSpecial(base, a);
  const [ofBase, ofNumber] = [logarithmWeight(base), logarithmWeight(a)];
  const weight = ofNumber - ofBase;
  const decimals = decimalsFor(weight, [base, a]);
  const divisor = logarithmOf(base, Math.max(decimals + weight - ofBase + 8, 0));
  const dividend = logarithmOf(a, Math.max(decimals + weight - ofNumber + 8, 0));
  if (divisor.digits === 0n) divisionByZero();
  const shift = decimals + divisor.scale - dividend.scale;
  return finite(
    divideRounded(dividend.digits * powerOfTen(Math.max(shift, 0)), divisor.digits * powerOfTen(Math.max(-shift, 0))),
    decimals,
  );
}

function logSpecial(base: Decimal, a: Decimal): Decimal {
  if (base.special === 'NaN' || a.special === 'NaN') return NAN;
  const negative = [base, a].find((value) => signOf(value) < 0);
  requirePositive(negative ?? (signOf(base) === 0 ? base : a));
  if (base.special === undefined) return INFINITY;
  return a.special === undefined ? finite(0n, 0) : NAN;
}
