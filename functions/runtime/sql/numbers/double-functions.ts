import { outOfRange, SqlError } from '../errors/sql-error.ts';

/**
 * Functions of double precision, with results within one unit in the last place of Postgres's, which calls the C
 * library. Functions for which C libraries differ by more (cbrt, log10, the hyperbolic ones) are not supported.
 */

export function sqrtDouble(a: number): number {
  if (a < 0) throw new SqlError('2201F', 'cannot take square root of a negative number');
  return Math.sqrt(a);
}

export function expDouble(a: number): number {
  const result = Math.exp(a);
  if (result === Infinity && a !== Infinity) throw overflow();
  if (result === 0 && a !== -Infinity) throw underflow();
  return result;
}

export function lnDouble(a: number): number {
  return Math.log(positive(a));
}

function positive(a: number): number {
  if (a === 0) throw new SqlError('2201E', 'cannot take logarithm of zero');
  if (a < 0) throw new SqlError('2201E', 'cannot take logarithm of a negative number');
  return a;
}

export function powerDoubles(a: number, b: number): number {
  // As in POSIX, anything to the power of zero is one, and one to the power of anything is one, even for NaN.
  if (a === 1 || b === 0) return 1;
  if (Number.isNaN(a) || Number.isNaN(b)) return NaN;
  if (a === 0 && b < 0) throw new SqlError('2201F', 'zero raised to a negative power is undefined');
  if (a < 0 && Number.isFinite(b) && !Number.isInteger(b) && a !== -Infinity)
    throw new SqlError('2201F', 'a negative number raised to a non-integer power yields a complex result');
  if (a === -Infinity && Number.isFinite(b) && !Number.isInteger(b))
    throw new SqlError('2201F', 'a negative number raised to a non-integer power yields a complex result');
  if (a === -1 && !Number.isFinite(b)) return 1;
  const result = a ** b;
  if (!Number.isFinite(result) && Number.isFinite(a) && Number.isFinite(b)) throw overflow();
  if (result === 0 && a !== 0 && Number.isFinite(a) && Number.isFinite(b)) throw underflow();
  return result;
}

const overflow = (): SqlError => new SqlError('22003', 'value out of range: overflow');
const underflow = (): SqlError => new SqlError('22003', 'value out of range: underflow');

function angle(a: number): number {
  if (a === Infinity || a === -Infinity) throw new SqlError('22003', 'input is out of range');
  return a;
}

export const sinDouble = (a: number): number => Math.sin(angle(a));
export const cosDouble = (a: number): number => Math.cos(angle(a));
export const tanDouble = (a: number): number => Math.tan(angle(a));
export const atanDouble = (a: number): number => Math.atan(a);
export const atan2Doubles = (a: number, b: number): number => Math.atan2(a, b);

function ratio(a: number): number {
  if (a < -1 || a > 1) throw new SqlError('22003', 'input is out of range');
  return a;
}

export const asinDouble = (a: number): number => Math.asin(ratio(a));
export const acosDouble = (a: number): number => Math.acos(ratio(a));

const RADIANS_PER_DEGREE = Math.PI / 180;

export function degreesDouble(a: number): number {
  const result = a / RADIANS_PER_DEGREE;
  if (!Number.isFinite(result) && Number.isFinite(a)) throw overflow();
  if (result === 0 && a !== 0) throw underflow();
  return result;
}

export function radiansDouble(a: number): number {
  const result = a * RADIANS_PER_DEGREE;
  if (result === 0 && a !== 0) throw underflow();
  return result;
}

export const piDouble = (): number => Math.PI;

/** Returns the bucket of a value, of `count` equal ones between low and high; 0 and count + 1 are outside. */
export function widthBucketDouble(...[value, low, high, count]: [number, number, number, number]): number {
  if (count <= 0) throw new SqlError('2201G', 'count must be greater than zero');
  if (Number.isNaN(value) || Number.isNaN(low) || Number.isNaN(high))
    throw new SqlError('2201G', 'operand, lower bound, and upper bound cannot be NaN');
  if (!Number.isFinite(low) || !Number.isFinite(high))
    throw new SqlError('2201G', 'lower and upper bounds must be finite');
  if (low === high) throw new SqlError('2201G', 'lower bound cannot equal upper bound');
  const [outsideLow, outsideHigh] = low < high ? [value < low, value >= high] : [value > low, value <= high];
  if (outsideLow) return 0;
  if (outsideHigh) return count + 1 > 2147483647 ? outOfRange('integer') : count + 1;
  const span = high - low;
  const share = Number.isFinite(span) ? (value - low) / span : (value / 2 - low / 2) / (high / 2 - low / 2);
  return Math.min(Math.floor(count * share), count - 1) + 1;
}
