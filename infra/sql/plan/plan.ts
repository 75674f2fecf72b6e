import type { Source } from '../syntax/source-position.ts';
import type { Checked, ScopeColumn } from './checked.ts';
import type { Grouping } from './grouping.ts';
import type { Join } from './join.ts';

/** A checked statement: the outputs to compute, the columns they need, and the order of the work. */
export interface Plan {
  readonly source: Source;
  /** The stream that FROM names; of a join, the left one. */
  readonly from: string;
  /** Set when FROM joins two inputs. `columns` are then those of both. */
  readonly join?: Join;
  /** The stream that CREATE STREAM names. */
  readonly target: string | undefined;
  /** The table that CREATE TABLE names. */
  readonly table?: string;
  readonly columns: readonly ScopeColumn[];
  readonly unnests: readonly Unnest[];
  readonly where: Checked | undefined;
  readonly outputs: readonly OutputColumn[];
  /** The key of the outputs; undefined: that of the input. */
  readonly partitionBy: Checked | undefined;
  /** The time of the outputs, a timestamptz; undefined: that of the input. */
  readonly timestampBy: Checked | undefined;
  /** The most outputs of a statement over files. */
  readonly limit?: number | undefined;
  /** Undefined in the SQL of a stream, whose outputs are made of one event each. */
  readonly grouping?: Grouping;
}

export interface Unnest {
  readonly list: Checked;
  /** The name of an element's variable in generated code. */
  readonly variable: string;
  readonly columns: readonly ScopeColumn[];
}

export interface OutputColumn {
  readonly name: string;
  readonly expression: Checked;
}
