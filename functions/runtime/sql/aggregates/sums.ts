import { addDecimals, divideDecimals } from '../numbers/decimal-arithmetic.ts';
import type { Decimal } from '../numbers/decimals.ts';
import { finite } from '../numbers/decimals.ts';
import { addDoubles } from '../numbers/doubles.ts';
import { addBigints } from '../numbers/integers.ts';
import type { AnyDecimal } from '../numbers/short-decimals.ts';
import { addAny, decimalOf, shortened } from '../numbers/short-decimals.ts';
import type { Interval } from '../time/intervals.ts';
import { addIntervals, divideInterval } from '../time/intervals.ts';
import type { Accumulator } from './accumulator.ts';
import { ofOneValue } from './accumulator.ts';

/** The sum of integers is a bigint, and that of bigints a numeric, as in Postgres. */
export const sumOfIntegers = ofOneValue<bigint, number>(
  BigInt,
  (sum, value) => addBigints(sum, BigInt(value)),
  addBigints,
);
export const sumOfBigints = ofOneValue<Decimal, bigint>(
  (value) => finite(value, 0),
  (sum, value) => finite(sum.digits + value, 0),
  addDecimals,
);
export const sumOfDecimals: Accumulator<AnyDecimal | null, [AnyDecimal], Decimal> = {
  start: () => null,
  add: (sum, value) => (sum === null ? value : addAny(sum, value)),
  merge: (sum, other) => (sum === null ? other : other === null ? sum : addAny(sum, other)),
  result: (sum) => (sum === null ? null : decimalOf(sum)),
  save: (sum) => [sum === null ? null : decimalOf(sum)],
  load: ([sum]) => (sum === null ? null : shortened(sum as Decimal)),
};
export const sumOfDoubles = ofOneValue<number, number>((value) => value, addDoubles, addDoubles);
export const sumOfIntervals = ofOneValue<Interval, Interval>((value) => value, addIntervals, addIntervals);

interface Mean<Sum> {
  readonly count: number;
  readonly sum: Sum;
}

interface Means<Sum, Value> {
  readonly zero: Sum;
  readonly add: (sum: Sum, value: Value) => Sum;
  readonly merge: (sum: Sum, other: Sum) => Sum;
  readonly divide: (sum: Sum, count: number) => Sum;
}

/** Makes an average of a count and a sum. */
function meanOf<Sum, Value>({ zero, add, merge, divide }: Means<Sum, Value>): Accumulator<Mean<Sum>, [Value], Sum> {
  return {
    start: () => ({ count: 0, sum: zero }),
    add: ({ count, sum }, value) => ({ count: count + 1, sum: add(sum, value) }),
    merge: (a, b) => ({ count: a.count + b.count, sum: merge(a.sum, b.sum) }),
    result: ({ count, sum }) => (count === 0 ? null : divide(sum, count)),
    save: ({ count, sum }) => [BigInt(count), sum],
    load: ([count, sum]) => ({ count: Number(count), sum: sum as Sum }),
  };
}

const ZERO = finite(0n, 0);
const SHORT_ZERO: AnyDecimal = { units: 0, scale: 0 };

const meanOfWhole = <Value>(whole: (value: Value) => bigint): Accumulator<Mean<Decimal>, [Value], Decimal> =>
  meanOf({
    zero: ZERO,
    add: (sum, value) => finite(sum.digits + whole(value), 0),
    merge: addDecimals,
    divide: (sum, count) => divideDecimals(sum, finite(BigInt(count), 0)),
  });

export const averageOfIntegers = meanOfWhole<number>(BigInt);
export const averageOfBigints = meanOfWhole<bigint>((value) => value);
export const averageOfDecimals: Accumulator<Mean<AnyDecimal>, [AnyDecimal], Decimal> = {
  start: () => ({ count: 0, sum: SHORT_ZERO }),
  add: ({ count, sum }, value) => ({ count: count + 1, sum: addAny(sum, value) }),
  merge: (a, b) => ({ count: a.count + b.count, sum: addAny(a.sum, b.sum) }),
  result: ({ count, sum }) => (count === 0 ? null : divideDecimals(decimalOf(sum), finite(BigInt(count), 0))),
  save: ({ count, sum }) => [BigInt(count), decimalOf(sum)],
  load: ([count, sum]) => ({ count: Number(count), sum: shortened(sum as Decimal) }),
};
export const averageOfIntervals = meanOf<Interval, Interval>({
  zero: { months: 0, days: 0, micros: 0n, infinite: 0 },
  add: addIntervals,
  merge: addIntervals,
  divide: divideInterval,
});
