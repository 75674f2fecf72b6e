import { SqlError } from '../errors/sql-error.ts';
import { addDoubles } from '../numbers/doubles.ts';
import type { Accumulator } from './accumulator.ts';

/** The number of values, their sum, and the sum of the squares of their distances from the mean. */
interface Moments {
  readonly count: number;
  readonly sum: number;
  readonly squares: number;
}

type Spread = Accumulator<Moments, [number], number>;

const isInfinite = (value: number): boolean => value === Infinity || value === -Infinity;

/**
 * Adds a value by the method of Youngs and Cramer, in the same steps as Postgres, whose results then have its digits.
 */
function add(before: Moments, value: number): Moments {
  const count = before.count + 1;
  const sum = before.sum + value;
  if (before.count === 0) return { count, sum, squares: Number.isFinite(value) ? 0 : NaN };
  const distance = value * count - sum;
  const squares = before.squares + (distance * distance) / (count * before.count);
  if (!isInfinite(sum) && !isInfinite(squares)) return { count, sum, squares };
  if (!isInfinite(before.sum) && !isInfinite(value)) throw new SqlError('22003', 'value out of range: overflow');
  return { count, sum, squares: NaN };
}

/** Merges as Postgres does for the partial results of parallel workers. */
function merge(a: Moments, b: Moments): Moments {
  if (a.count === 0) return b;
  if (b.count === 0) return a;
  const count = a.count + b.count;
  const sum = addDoubles(a.sum, b.sum);
  const distance = a.sum / a.count - b.sum / b.count;
  const squares = a.squares + b.squares + (a.count * b.count * distance * distance) / count;
  if (isInfinite(squares) && !isInfinite(a.squares) && !isInfinite(b.squares))
    throw new SqlError('22003', 'value out of range: overflow');
  return { count, sum, squares };
}

const spreadOf = (result: Spread['result']): Spread => ({
  start: () => ({ count: 0, sum: 0, squares: 0 }),
  add,
  merge,
  result,
  save: ({ count, sum, squares }) => [BigInt(count), sum, squares],
  load: ([count, sum, squares]) => ({ count: Number(count), sum: sum as number, squares: squares as number }),
});

/** Fails on values whose squares overflow, as Postgres's does. */
export const averageOfDoubles = spreadOf(({ count, sum }) => (count === 0 ? null : sum / count));

const sample = ({ count, squares }: Moments): number | null => (count < 2 ? null : squares / (count - 1));
const population = ({ count, squares }: Moments): number | null => (count === 0 ? null : squares / count);
const root = (value: number | null): number | null => (value === null ? null : Math.sqrt(value));

export const spreadsOfDoubles = {
  sampleVariance: spreadOf(sample),
  variance: spreadOf(population),
  sampleDeviation: spreadOf((moments) => root(sample(moments))),
  deviation: spreadOf((moments) => root(population(moments))),
};
