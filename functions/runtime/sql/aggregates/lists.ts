import { concatBytes } from '../text/bytes.ts';
import type { Accumulator } from './accumulator.ts';
import { checkBounds, sizeOf } from './bounds.ts';

/** The first `count` items of a list that all states of a group share. */
interface Items {
  readonly list: unknown[];
  readonly count: number;
  readonly size: number;
}

/** Makes an array of all values, nulls too. */
export const arrayOfValues: Accumulator<Items, [unknown], readonly unknown[]> = {
  start: () => ({ list: [], count: 0, size: 0 }),
  add({ list, count, size: before }, value) {
    const size = before + sizeOf(value);
    checkBounds(count + 1, size);
    list.length = count;
    list.push(value);
    return { list, count: count + 1, size };
  },
  result: ({ list, count }) => (count === 0 ? null : list.slice(0, count)),
  save: ({ list, count }) => [count === 0 ? null : list.slice(0, count)],
  load([saved]) {
    const list = [...((saved as readonly unknown[] | null) ?? [])];
    return { list, count: list.length, size: list.reduce<number>((size, item) => size + sizeOf(item), 0) };
  },
};

/**
 * Joins texts, or bytes. Skips null values; a null delimiter is empty. The delimiter of the first value is not used.
 */
function joined<T extends { readonly length: number }>(
  concat: (a: T, b: T) => T,
): Accumulator<T | null, [T | null, T | null], T> {
  return {
    start: () => null,
    add(before, value, delimiter) {
      if (value === null) return before;
      const all = before === null ? value : concat(delimiter === null ? before : concat(before, delimiter), value);
      checkBounds(0, all.length);
      return all;
    },
    result: (all) => all,
    save: (all) => [all],
    load: ([all]) => all as T | null,
  };
}

export const textOfValues = joined<string>((a, b) => a + b);
export const bytesOfValues = joined<Uint8Array>(concatBytes);
