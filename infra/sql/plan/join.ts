import type { Checked, ScopeColumn } from './checked.ts';

export type JoinKind = 'inner' | 'left' | 'right' | 'full';
export type SideName = 'left' | 'right';

/** Two inputs of a statement, and what their rows must have in common. */
export interface Join {
  readonly kind: JoinKind;
  readonly left: JoinSide;
  readonly right: JoinSide;
  /** Whether both inputs are tables, and the result is one: a row of each key. */
  readonly ofTables: boolean;
  /** Set when the key of the left table's rows is another than what ON compares, which is a foreign key then. */
  readonly foreign?: ForeignKey;
  /** Set when both inputs are streams, or files that are joined as these are. */
  readonly within?: Within;
  /** Set when an event meets the row of the table as it was at its time. */
  readonly asOf?: AsOf;
}

/** How long the versions of a row are kept, in milliseconds. */
export interface AsOf {
  readonly retention: number;
}

/** The key of the rows of the left table, in a join by a foreign key. */
export interface ForeignKey {
  /** The columns of the key. */
  readonly id: readonly Checked[];
  /** The same as texts, as the keys of a side are. */
  readonly idTexts: readonly Checked[];
}

/**
 * How far the times of two events may be apart: the right one is at most `before` earlier than the left one, and at
 * most `after` later. All of it in milliseconds.
 */
export interface Within {
  readonly before: number;
  readonly after: number;
  /** How late an event may come. */
  readonly grace: number;
}

export interface JoinSide {
  /** The name of the input in FROM. */
  readonly name: string;
  /** The name or alias by which expressions call it. */
  readonly table: string;
  /** The offset of the name in the statement. */
  readonly offset: number;
  /** The columns as the input has them, in its order. */
  readonly columns: readonly ScopeColumn[];
  /** The columns as expressions read them: null in a row that has only the other side, if the join makes such rows. */
  readonly scope: readonly ScopeColumn[];
  /** What ON compares, over the input's columns. */
  readonly on: readonly Checked[];
  /** Over the input's columns: texts, which are the same exactly if Postgres's `=` is true. */
  readonly keys: readonly Checked[];
  /** Over files, with WITHIN: the time of a row. Events have one of their own. */
  readonly time?: Checked;
}

/** Tests whether a kind of join makes rows in which a side is missing. */
export const mayMiss = (kind: JoinKind, side: SideName): boolean =>
  kind === 'full' || kind === (side === 'left' ? 'right' : 'left');

/** Tests for an attribute of the event that a row is made of: `event.time`. Each side of two streams has its own. */
export const isAttribute = ({ origin, table }: ScopeColumn): boolean => origin === 'event' && table === 'event';
