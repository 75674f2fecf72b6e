import type { Accumulator } from './accumulator.ts';
import { checkBounds, sizeOf } from './bounds.ts';

type Greatest<T> = Accumulator<readonly T[], [T, number], readonly T[]>;

/** Keeps the `count` greatest values, the greatest first. Of equal values the earlier comes first. */
export const greatestValues = <T>(compare: (a: T, b: T) => number): Greatest<T> => greatest(compare, false);

/** The same, with equal values once. */
export const greatestDistinct = <T>(compare: (a: T, b: T) => number): Greatest<T> => greatest(compare, true);

function greatest<T>(compare: (a: T, b: T) => number, isDistinct: boolean): Greatest<T> {
  return {
    start: () => [],
    add,
    merge: (values, other, [, count]) =>
      other.reduce<readonly T[]>((all, value) => add(all, value, count as number), values),
    result: (values) => (values.length === 0 ? null : values),
    save: (values) => [values],
    load: ([values]) => values as readonly T[],
  };

  function add(values: readonly T[], value: T, count: number): readonly T[] {
    const last = values[values.length - 1];
    if (values.length >= count && last !== undefined && compare(last, value) >= 0) return values;
    const at = values.findIndex((other) => compare(other, value) < 0);
    const index = at === -1 ? values.length : at;
    const before = values[index - 1];
    if (isDistinct && before !== undefined && compare(before, value) === 0) return values;
    const kept = [...values.slice(0, index), value, ...values.slice(index)].slice(0, count);
    checkBounds(
      kept.length,
      kept.reduce((size, item) => size + sizeOf(item), 0),
    );
    return kept;
  }
}
