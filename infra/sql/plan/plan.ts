import type { Source } from '../syntax/source-position.ts';
import type { Checked, ScopeColumn } from './checked.ts';

/** A statement of which everything is decided: what is computed, from which columns, in which order. */
export interface Plan {
  readonly source: Source;
  /** The stream that FROM names. */
  readonly from: string;
  /** The stream that CREATE STREAM names. */
  readonly target: string | undefined;
  readonly columns: readonly ScopeColumn[];
  readonly unnests: readonly Unnest[];
  readonly where: Checked | undefined;
  readonly outputs: readonly OutputColumn[];
  readonly partitionBy: Checked | undefined;
}

export interface Unnest {
  readonly list: Checked;
  /** What generated code calls an element. */
  readonly variable: string;
  readonly columns: readonly ScopeColumn[];
}

export interface OutputColumn {
  readonly name: string;
  readonly expression: Checked;
}
