import type { Accumulator } from './accumulator.ts';
import { ofOneValue } from './accumulator.ts';

type Extreme<T> = Accumulator<T | null, [T], T>;

/** Keeps the greatest value; of equal ones (1.0 and 1.00) the latest, as Postgres does. */
export const greatestOf = <T>(compare: (a: T, b: T) => number): Extreme<T> =>
  best<T>((known, value) => (compare(known, value) > 0 ? known : value));

export const leastOf = <T>(compare: (a: T, b: T) => number): Extreme<T> =>
  best<T>((known, value) => (compare(known, value) < 0 ? known : value));

export const areAllTrue = best<boolean>((all, value) => all && value);

export const isAnyTrue = best<boolean>((any, value) => any || value);

export const firstValue = best<unknown>((first) => first);

/** Keeps one of the values, which `choose` says of two. */
function best<T>(choose: (known: T, value: T) => T): Extreme<T> {
  return ofOneValue<T, T>((value) => value, choose, choose);
}
