import { outOfRange, SqlError } from '../errors/sql-error.ts';
import { leading, negateDecimal } from './decimal-arithmetic.ts';
import type { Decimal } from './decimals.ts';
import {
  compareDecimals,
  decimalFromText,
  decimalText,
  digitsAt,
  divideRounded,
  finite,
  isZero,
  NAN,
  powerOfTen,
  signOf,
  withScale,
} from './decimals.ts';

export const absDecimal = (a: Decimal): Decimal => (signOf(a) < 0 ? negateDecimal(a) : a);

/** Returns the sign of a numeric; the sign of NaN is NaN. */
export const signDecimal = (a: Decimal): Decimal => (a.special === 'NaN' ? NAN : finite(BigInt(signOf(a)), 0));

export function roundDecimal(a: Decimal, places: number): Decimal {
  if (a.special !== undefined) return a;
  const scale = Math.min(Math.max(places, -131072 - 2), 16383);
  if (scale >= 0) return scale === a.scale ? a : withScale(a, scale);
  return finite(divideRounded(a.digits, powerOfTen(a.scale - scale)) * powerOfTen(-scale), 0);
}

export const roundDecimalWhole = (a: Decimal): Decimal => roundDecimal(a, 0);

export function truncDecimal(a: Decimal, places: number): Decimal {
  if (a.special !== undefined) return a;
  const scale = Math.min(Math.max(places, -131072 - 2), 16383);
  if (scale >= a.scale) return withScale(a, scale);
  const kept = a.digits / powerOfTen(a.scale - scale);
  return scale >= 0 ? finite(kept, scale) : finite(kept * powerOfTen(-scale), 0);
}

export const truncDecimalWhole = (a: Decimal): Decimal => truncDecimal(a, 0);

export function floorDecimal(a: Decimal): Decimal {
  if (a.special !== undefined) return a;
  const whole = truncDecimal(a, 0);
  return a.digits < 0n && digitsAt(whole, a.scale) !== a.digits ? finite(whole.digits - 1n, 0) : whole;
}

export const ceilDecimal = (a: Decimal): Decimal => negateDecimal(floorDecimal(negateDecimal(a)));

export function sqrtDecimal(a: Decimal): Decimal {
  if (a.special === 'NaN' || a.special === 'Infinity') return a;
  if (signOf(a) < 0) throw new SqlError('2201F', 'cannot take square root of a negative number');
  const { weight } = leading(a);
  const resultWeight = weight >= 0 ? weight * 2 + 1 : 1 - Math.trunc((1 - weight * 4) / 2);
  return squareRootAt(a, Math.min(Math.max(16 - resultWeight, a.scale, 0), 1000));
}

/** Returns the square root of a finite number that is not negative, rounded to a scale. */
export function squareRootAt(a: Decimal, scale: number): Decimal {
  // Takes the root of digits × 10^(2 × scale - a.scale), rounded to the nearest integer.
  const shift = 2 * scale - a.scale;
  const radicand = shift >= 0 ? a.digits * powerOfTen(shift) : a.digits / powerOfTen(-shift);
  const root = integerRoot(radicand);
  return finite(radicand - root * root > root ? root + 1n : root, scale);
}

/** Computes the integer square root by Newton's method, from above. */
function integerRoot(value: bigint): bigint {
  if (value < 2n) return value;
  let x = 1n << BigInt(Math.ceil(value.toString(2).length / 2));
  for (;;) {
    const next = (x + value / x) >> 1n;
    if (next >= x) return x;
    x = next;
  }
}

export function scaleOf(a: Decimal): number | null {
  return a.special === undefined ? a.scale : null;
}

export function minScaleOf(a: Decimal): number | null {
  return a.special === undefined ? trimScale(a).scale : null;
}

export function trimScale(a: Decimal): Decimal {
  if (a.special !== undefined) return a;
  let { digits, scale } = a;
  while (scale > 0 && digits % 10n === 0n) {
    digits /= 10n;
    scale -= 1;
  }
  return finite(digits, scale);
}

/** Returns a text that is the same exactly for equal numbers, whatever their scales. */
export function decimalIdentity(a: Decimal): string {
  if (a.special !== undefined) return a.special;
  const { digits, scale } = a.scale === 0 ? a : trimScale(a);
  return scale === 0 ? String(digits) : `${digits}e-${scale}`;
}

export function factorial(n: bigint): Decimal {
  if (n < 0n) throw new SqlError('22003', 'factorial of a negative number is undefined');
  if (n > 32177n) throw new SqlError('22003', 'value overflows numeric format');
  let product = 1n;
  for (let i = 2n; i <= n; i += 1n) product *= i;
  return finite(product, 0);
}

/** Casts to `numeric(precision, scale)`. */
export function fitDecimal(a: Decimal, precision: number, scale: number): Decimal {
  if (a.special === 'NaN') return a;
  const fitted = a.special === undefined ? roundTo(a, scale) : a;
  const limit = precision - scale;
  if (fitted.special !== undefined || tooLarge(fitted, limit))
    throw new SqlError(
      '22003',
      `numeric field overflow: ${decimalText(a)} does not fit numeric(${precision},${scale})`,
    );
  return fitted;
}

function roundTo(a: Decimal, scale: number): Decimal {
  return scale >= 0 ? withScale(a, scale) : roundDecimal(a, scale);
}

function tooLarge(a: Decimal, wholeDigits: number): boolean {
  const size = a.digits < 0n ? -a.digits : a.digits;
  const exponent = wholeDigits + a.scale;
  return exponent < 0 ? size > 0n : size >= powerOfTen(exponent);
}

export const integerToDecimal = (a: number): Decimal => finite(BigInt(a), 0);
export const bigintToDecimal = (a: bigint): Decimal => finite(a, 0);

export function decimalToInteger(a: Decimal): number {
  if (a.special !== undefined) throw specialTo(a, 'integer');
  const { digits } = withScale(a, 0);
  if (digits < -2147483648n || digits > 2147483647n) outOfRange('integer');
  return Number(digits);
}

export function decimalToBigint(a: Decimal): bigint {
  if (a.special !== undefined) throw specialTo(a, 'bigint');
  const { digits } = withScale(a, 0);
  if (digits < -(2n ** 63n) || digits > 2n ** 63n - 1n) outOfRange('bigint');
  return digits;
}

function specialTo(a: Decimal, type: string): SqlError {
  return new SqlError('0A000', `cannot convert ${a.special === 'NaN' ? 'NaN' : 'infinity'} to ${type}`);
}

export function decimalToDouble(a: Decimal): number {
  if (a.special !== undefined) return Number(a.special);
  const value = Number(decimalText(a));
  if (!Number.isFinite(value) || (value === 0 && !isZero(a)))
    throw new SqlError('22003', `"${decimalText(a)}" is out of range for type double precision`);
  return value;
}

/** Converts a double precision to numeric. As in Postgres, it keeps the 15 digits that are always exact. */
export function doubleToDecimal(a: number): Decimal {
  if (!Number.isFinite(a)) return decimalFromText(String(a));
  return trimmed(decimalFromText(a.toPrecision(15)));
}

/** Removes trailing zeros, as C's %g does. */
const trimmed = (a: Decimal): Decimal => trimScale(a);

export function gcdDecimals(a: Decimal, b: Decimal): Decimal {
  if (a.special !== undefined || b.special !== undefined) return NAN;
  const scale = Math.max(a.scale, b.scale);
  let [x, y] = [absolute(digitsAt(a, scale)), absolute(digitsAt(b, scale))];
  while (y !== 0n) [x, y] = [y, x % y];
  return finite(x, scale);
}

export function lcmDecimals(a: Decimal, b: Decimal): Decimal {
  if (a.special !== undefined || b.special !== undefined) return NAN;
  const scale = Math.max(a.scale, b.scale);
  const divisor = gcdDecimals(a, b).digits;
  if (divisor === 0n || isZero(a) || isZero(b)) return finite(0n, scale);
  return finite(absolute((digitsAt(a, scale) / divisor) * digitsAt(b, scale)), scale);
}

const absolute = (value: bigint): bigint => (value < 0n ? -value : value);

/** Returns the bucket of a value, of `count` equal ones between low and high; 0 and count + 1 are outside. */
export function widthBucketDecimal(...[value, low, high, count]: [Decimal, Decimal, Decimal, number]): number {
  if (count <= 0) throw new SqlError('2201G', 'count must be greater than zero');
  if ([value, low, high].some(({ special }) => special === 'NaN'))
    throw new SqlError('2201G', 'operand, lower bound, and upper bound cannot be NaN');
  if (low.special !== undefined || high.special !== undefined)
    throw new SqlError('2201G', 'lower and upper bounds must be finite');
  const direction = compareDecimals(high, low);
  if (direction === 0) throw new SqlError('2201G', 'lower bound cannot equal upper bound');
  if (compareDecimals(value, low) * direction < 0) return 0;
  if (compareDecimals(value, high) * direction >= 0) return count === 2147483647 ? outOfRange('integer') : count + 1;
  const scale = Math.max(value.scale, low.scale, high.scale);
  const [distance, span] = [
    digitsAt(value, scale) - digitsAt(low, scale),
    digitsAt(high, scale) - digitsAt(low, scale),
  ];
  return Number((distance * BigInt(count)) / span) + 1;
}
