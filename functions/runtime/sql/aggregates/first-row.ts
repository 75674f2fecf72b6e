import type { Accumulator } from './accumulator.ts';
import type { Sorting } from './sorting.ts';
import { compareRows } from './sorting.ts';

type Values = readonly unknown[];

/**
 * Keeps the values of the row that is first in an order: what DISTINCT ON shows. Of equal rows the last one stays when
 * the order ends in DESC, otherwise the first: as if the place in the log were one more expression of ORDER BY.
 */
export const firstRow = (sorting: readonly Sorting[]): Accumulator<Values | null, Values, Values> => {
  const takesEqual = sorting.at(-1)?.isDescending === true;
  const add = (kept: Values | null, ...row: Values): Values | null => {
    const order = kept === null ? -1 : compareRows(sorting, row, kept);
    return order < 0 || (order === 0 && takesEqual) ? row : kept;
  };
  return {
    start: () => null,
    add,
    merge: (kept, other) => (other === null ? kept : add(kept, ...other)),
    result: (kept) => kept,
    save: (kept) => kept ?? [],
    load: (columns) => columns,
  };
};
