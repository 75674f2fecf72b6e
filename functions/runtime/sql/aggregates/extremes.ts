import type { Decimal } from '../numbers/decimals.ts';
import { type AnyDecimal, compareAny, decimalOf, shortened } from '../numbers/short-decimals.ts';
import type { Accumulator } from './accumulator.ts';
import { ofOneValue } from './accumulator.ts';

type Extreme<T> = Accumulator<T | null, [T], T>;

/** Keeps the greatest value; of equal ones (1.0 and 1.00) the latest, as Postgres does. */
export const greatestOf = <T>(compare: (a: T, b: T) => number): Extreme<T> =>
  best<T>((known, value) => (compare(known, value) > 0 ? known : value));

export const leastOf = <T>(compare: (a: T, b: T) => number): Extreme<T> =>
  best<T>((known, value) => (compare(known, value) < 0 ? known : value));

/** The same for numerics, of which most are short. */
export const greatestDecimal = bestDecimal((known, value) => (compareAny(known, value) > 0 ? known : value));
export const leastDecimal = bestDecimal((known, value) => (compareAny(known, value) < 0 ? known : value));

export const areAllTrue = best<boolean>((all, value) => all && value);

export const isAnyTrue = best<boolean>((any, value) => any || value);

export const firstValue = best<unknown>((first) => first);

type ExtremeDecimal = Accumulator<AnyDecimal | null, [AnyDecimal], Decimal>;

function bestDecimal(choose: (known: AnyDecimal, value: AnyDecimal) => AnyDecimal): ExtremeDecimal {
  return {
    start: () => null,
    add: (known, value) => (known === null ? value : choose(known, value)),
    merge: (known, other) => (known === null ? other : other === null ? known : choose(known, other)),
    result: (known) => (known === null ? null : decimalOf(known)),
    save: (known) => [known === null ? null : decimalOf(known)],
    load: ([known]) => (known === null ? null : shortened(known as Decimal)),
  };
}

/** Keeps one of the values, which `choose` says of two. */
function best<T>(choose: (known: T, value: T) => T): Extreme<T> {
  return ofOneValue<T, T>((value) => value, choose, choose);
}
