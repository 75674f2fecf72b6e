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
  merge(items, other) {
    const size = items.size + other.size;
    checkBounds(items.count + other.count, size);
    const list = [...items.list.slice(0, items.count), ...other.list.slice(0, other.count)];
    return { list, count: list.length, size };
  },
  result: ({ list, count }) => (count === 0 ? null : list.slice(0, count)),
  save: ({ list, count }) => [count === 0 ? null : list.slice(0, count)],
  load([saved]) {
    const list = [...((saved as readonly unknown[] | null) ?? [])];
    return { list, count: list.length, size: list.reduce<number>((size, item) => size + sizeOf(item), 0) };
  },
};

/** The joined values, and the delimiter of the first one: it stands before them if they follow others. */
interface Joined<T> {
  readonly all: T;
  readonly before: T | null;
}

/**
 * Joins texts, or bytes. Skips null values; a null delimiter is empty. The delimiter of the first value is not used.
 */
function joined<T extends { readonly length: number }>(
  concat: (a: T, b: T) => T,
): Accumulator<Joined<T> | null, [T | null, T | null], T> {
  const append = (known: Joined<T>, { all, before }: Joined<T>): Joined<T> => {
    const joined = concat(before === null ? known.all : concat(known.all, before), all);
    checkBounds(0, joined.length + (known.before?.length ?? 0));
    return { all: joined, before: known.before };
  };
  return {
    start: () => null,
    add(known, all, before) {
      if (all === null) return known;
      if (known !== null) return append(known, { all, before });
      checkBounds(0, all.length + (before?.length ?? 0));
      return { all, before };
    },
    merge: (known, other) => (known === null ? other : other === null ? known : append(known, other)),
    result: (known) => known?.all ?? null,
    save: (known) => [known?.all ?? null, known?.before ?? null],
    load: ([all, before]) => (all === null ? null : { all: all as T, before: before as T | null }),
  };
}

export const textOfValues = joined<string>((a, b) => a + b);
export const bytesOfValues = joined<Uint8Array>(concatBytes);
