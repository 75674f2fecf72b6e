import type { Checked, ScopeColumn } from './checked.ts';
import type { Resolved } from './routine.ts';
import type { SqlType } from './sql-type.ts';
import type { Windowing } from './window.ts';

/**
 * What a statement with GROUP BY or aggregates does with the rows of its input. Its outputs, HAVING and ORDER BY read
 * only columns of the origin `group`: the keys, and the results of the aggregates.
 */
export interface Grouping {
  /** Empty: all rows are one group, which is there even without rows. */
  readonly keys: readonly GroupKey[];
  readonly aggregates: readonly AggregateCall[];
  /** The row of each group that DISTINCT ON keeps. Then there are no aggregates. */
  readonly first?: FirstRow;
  readonly having: Checked | undefined;
  readonly sortKeys: readonly SortKey[];
  readonly limit: bigint | undefined;
  readonly offset: bigint;
  /** Undefined without WINDOW. */
  readonly window?: Windowing;
}

export interface GroupKey {
  readonly column: ScopeColumn;
  /** Over the columns of the input. */
  readonly expression: Checked;
}

export interface AggregateCall {
  /** The column of its result. */
  readonly column: ScopeColumn;
  readonly resolved: Resolved;
  /** The types of the columns that hold its state. */
  readonly state: readonly SqlType[];
  readonly isInvertible: boolean;
  /** Over the columns of the input, as `filter` and `sortKeys`. */
  readonly args: readonly Checked[];
  readonly filter: Checked | undefined;
  readonly isDistinct: boolean;
  readonly sortKeys: readonly SortKey[];
  readonly offset: number;
}

/** What is kept of one row of a group: the first in an order. */
export interface FirstRow {
  /** Over the columns of the input; each value has a column of the group. */
  readonly values: readonly { readonly column: ScopeColumn; readonly expression: Checked }[];
  readonly sortKeys: readonly SortKey[];
}

export interface SortKey {
  readonly expression: Checked;
  readonly isDescending: boolean;
  readonly nullsFirst: boolean;
}

/** Returns every expression over the columns of the input, in the order in which a row evaluates them. */
export const inputsOf = ({ keys, aggregates, first, window }: Grouping): readonly Checked[] => [
  ...(window === undefined ? [] : [window.time]),
  ...keys.map(({ expression }) => expression),
  ...aggregates.flatMap(({ args, filter, sortKeys }) => [
    ...(filter === undefined ? [] : [filter]),
    ...args,
    ...sortKeys.map(({ expression }) => expression),
  ]),
  ...(first?.values.map(({ expression }) => expression) ?? []),
];
