import { SqlError } from '../errors/sql-error.ts';

/** An array of SQL: it has one dimension, its first index is 1, and elements may be null. */
export type SqlArray<T> = readonly (T | null)[];
type Equal<T> = (a: T, b: T) => boolean;
type Compare<T> = (a: T, b: T) => number;

const same = <T>(equal: Equal<T>, a: T | null, b: T | null): boolean =>
  a === null || b === null ? a === b : equal(a, b);

/** Compares two arrays for equality. Null elements equal each other. */
export const arrayEqual =
  <T>(equal: Equal<T>) =>
  (a: SqlArray<T>, b: SqlArray<T>): boolean =>
    a.length === b.length && a.every((item, i) => same(equal, item, b[i] ?? null));

/** Orders two arrays element by element, nulls last, then by length. */
export const arrayCompare =
  <T>(compare: Compare<T>) =>
  (a: SqlArray<T>, b: SqlArray<T>): number => {
    for (let i = 0; i < a.length && i < b.length; i += 1) {
      const order = compareNullsLast(compare, a[i] ?? null, b[i] ?? null);
      if (order !== 0) return order;
    }
    return a.length - b.length;
  };

function compareNullsLast<T>(compare: Compare<T>, a: T | null, b: T | null): number {
  if (a === null || b === null) return Number(a === null) - Number(b === null);
  return compare(a, b);
}

/** Returns `array[i]`; null if the index is out of bounds. */
export const arrayElement = <T>(array: SqlArray<T>, index: number): T | null =>
  index < 1 ? null : (array[index - 1] ?? null);

/** Returns `array[from:to]`. A bound that is left out is the bound of the array. */
export function arraySlice<T>(array: SqlArray<T>, from: number | undefined, to: number | undefined): SqlArray<T> {
  return array.slice(Math.max((from ?? 1) - 1, 0), Math.max(to ?? array.length, 0));
}

export const cardinality = (array: SqlArray<unknown>): number => array.length;
export const arrayLength = (array: SqlArray<unknown>, dimension: number): number | null =>
  dimension === 1 && array.length > 0 ? array.length : null;
export const arrayLower = (array: SqlArray<unknown>, dimension: number): number | null =>
  dimension === 1 && array.length > 0 ? 1 : null;
export const arrayDimensions = (array: SqlArray<unknown>): number | null => (array.length > 0 ? 1 : null);
export const arrayDims = (array: SqlArray<unknown>): string | null => (array.length > 0 ? `[1:${array.length}]` : null);

/** Concatenates two arrays; null counts as an empty array, unless both are null. */
export function arrayConcat<T>(a: SqlArray<T> | null, b: SqlArray<T> | null): SqlArray<T> | null {
  if (a === null || b === null) return a ?? b;
  return [...a, ...b];
}

export const arrayAppend = <T>(array: SqlArray<T> | null, item: T | null): SqlArray<T> => [...(array ?? []), item];
export const arrayPrepend = <T>(item: T | null, array: SqlArray<T> | null): SqlArray<T> => [item, ...(array ?? [])];

export const arrayContains =
  <T>(equal: Equal<T>) =>
  (whole: SqlArray<T>, part: SqlArray<T>): boolean =>
    part.every((item) => item !== null && whole.some((other) => other !== null && equal(other, item)));

export const arrayContained =
  <T>(equal: Equal<T>) =>
  (part: SqlArray<T>, whole: SqlArray<T>): boolean =>
    arrayContains(equal)(whole, part);

export const arrayOverlap =
  <T>(equal: Equal<T>) =>
  (a: SqlArray<T>, b: SqlArray<T>): boolean =>
    a.some((item) => item !== null && b.some((other) => other !== null && equal(item, other)));

export const arrayPosition =
  <T>(equal: Equal<T>) =>
  (array: SqlArray<T> | null, item: T | null): number | null =>
    arrayPositionFrom(equal)(array, item, 1);

export const arrayPositionFrom =
  <T>(equal: Equal<T>) =>
  (array: SqlArray<T> | null, item: T | null, start: number | null): number | null => {
    if (array === null || array.length === 0 || (item === null && !array.includes(null))) return null;
    if (start === null) throw new SqlError('22004', 'initial position must not be null');
    for (let i = Math.max(start, 1); i <= array.length; i += 1) if (same(equal, array[i - 1] ?? null, item)) return i;
    return null;
  };

export const arrayPositions =
  <T>(equal: Equal<T>) =>
  (array: SqlArray<T> | null, item: T | null): SqlArray<number> | null =>
    array === null ? null : array.flatMap((other, i) => (same(equal, other, item) ? [i + 1] : []));

export const arrayRemove =
  <T>(equal: Equal<T>) =>
  (array: SqlArray<T> | null, item: T | null): SqlArray<T> | null =>
    array === null ? null : array.filter((other) => !same(equal, other, item));

export const arrayReplace =
  <T>(equal: Equal<T>) =>
  (array: SqlArray<T> | null, from: T | null, to: T | null): SqlArray<T> | null =>
    array === null ? null : array.map((item) => (same(equal, item, from) ? to : item));

export const arrayReverse = <T>(array: SqlArray<T>): SqlArray<T> => [...array].reverse();

export const arraySort =
  <T>(compare: Compare<T>) =>
  (array: SqlArray<T>): SqlArray<T> =>
    [...array].sort((a, b) => compareNullsLast(compare, a, b));

/** Sorts an array; nulls come first in descending order. */
export const arraySortBy =
  <T>(compare: Compare<T>) =>
  (array: SqlArray<T>, descending: boolean): SqlArray<T> =>
    [...array].sort((a, b) => compareNullsLast(compare, a, b) * (descending ? -1 : 1));

export function trimArray<T>(array: SqlArray<T>, count: number): SqlArray<T> {
  if (count < 0 || count > array.length)
    throw new SqlError('2202E', `number of elements to trim must be between 0 and ${array.length}`);
  return array.slice(0, array.length - count);
}
