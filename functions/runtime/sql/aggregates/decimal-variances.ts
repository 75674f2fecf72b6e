import { addDecimals, divideDecimals } from '../numbers/decimal-arithmetic.ts';
import { squareRootAt } from '../numbers/decimal-functions.ts';
import type { Decimal } from '../numbers/decimals.ts';
import { digitsAt, finite, NAN } from '../numbers/decimals.ts';
import type { Accumulator } from './accumulator.ts';

/** The number of values, their sum, and the sum of their squares. */
interface Moments {
  readonly count: number;
  readonly sum: Decimal;
  readonly squares: Decimal;
}

const ZERO = finite(0n, 0);

type Spread<Value> = Accumulator<Moments, [Value], Decimal>;

function spreadOf<Value>(toDecimal: (value: Value) => Decimal, result: Spread<Value>['result']): Spread<Value> {
  return {
    start: () => ({ count: 0, sum: ZERO, squares: ZERO }),
    add: ({ count, sum, squares }, value) => {
      const decimal = toDecimal(value);
      return { count: count + 1, sum: addDecimals(sum, decimal), squares: addDecimals(squares, squareOf(decimal)) };
    },
    merge: (a, b) => ({
      count: a.count + b.count,
      sum: addDecimals(a.sum, b.sum),
      squares: addDecimals(a.squares, b.squares),
    }),
    result,
    save: ({ count, sum, squares }) => [BigInt(count), sum, squares],
    load: ([count, sum, squares]) => ({ count: Number(count), sum: sum as Decimal, squares: squares as Decimal }),
  };
}

const squareOf = (a: Decimal): Decimal => (a.special === undefined ? finite(a.digits * a.digits, a.scale * 2) : NAN);

/**
 * Computes the variance with Postgres's digits: (n × squares - sum²) / (n × (n - 1)), or by n² for a whole population.
 */
function varianceOf({ count, sum, squares }: Moments, isSample: boolean): Decimal | null {
  if (count === 0 || (isSample && count === 1)) return null;
  if (sum.special !== undefined) return NAN;
  const n = BigInt(count);
  const scale = sum.scale * 2;
  const numerator = n * digitsAt(squares, scale) - sum.digits * sum.digits;
  return numerator <= 0n ? ZERO : divideDecimals(finite(numerator, scale), finite(n * (isSample ? n - 1n : n), 0));
}

const deviationOf = (moments: Moments, isSample: boolean): Decimal | null => {
  const variance = varianceOf(moments, isSample);
  return variance === null || variance.special !== undefined ? variance : squareRootAt(variance, variance.scale);
};

const fourOf = <Value>(toDecimal: (value: Value) => Decimal) => ({
  sampleVariance: spreadOf(toDecimal, (moments) => varianceOf(moments, true)),
  variance: spreadOf(toDecimal, (moments) => varianceOf(moments, false)),
  sampleDeviation: spreadOf(toDecimal, (moments) => deviationOf(moments, true)),
  deviation: spreadOf(toDecimal, (moments) => deviationOf(moments, false)),
});

export const spreadsOfIntegers = fourOf((value: number) => finite(BigInt(value), 0));
export const spreadsOfBigints = fourOf((value: bigint) => finite(value, 0));
export const spreadsOfDecimals = fourOf((value: Decimal) => value);
