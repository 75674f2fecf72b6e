import type { Accumulator } from './accumulator.ts';
import { ofOneValue } from './accumulator.ts';

type Extreme<T> = Accumulator<T | null, [T], T>;

/** Keeps the greatest value; of equal ones (1.0 and 1.00) the latest, as Postgres does. */
export const greatestOf = <T>(compare: (a: T, b: T) => number): Extreme<T> =>
  ofOneValue<T, T>(
    (value) => value,
    (best, value) => (compare(best, value) > 0 ? best : value),
  );

export const leastOf = <T>(compare: (a: T, b: T) => number): Extreme<T> =>
  ofOneValue<T, T>(
    (value) => value,
    (best, value) => (compare(best, value) < 0 ? best : value),
  );

export const areAllTrue = ofOneValue<boolean, boolean>(
  (value) => value,
  (all, value) => all && value,
);

export const isAnyTrue = ofOneValue<boolean, boolean>(
  (value) => value,
  (any, value) => any || value,
);

export const firstValue = ofOneValue<unknown, unknown>(
  (value) => value,
  (first) => first,
);
