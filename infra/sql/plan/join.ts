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
}

/** Tests whether a kind of join makes rows in which a side is missing. */
export const mayMiss = (kind: JoinKind, side: SideName): boolean =>
  kind === 'full' || kind === (side === 'left' ? 'right' : 'left');
