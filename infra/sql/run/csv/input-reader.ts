import type { Column } from '../../plan/sql-type.ts';
import type { InferredColumns } from '../../schema/infer-columns.ts';

/** Reads an input once, from start to end. */
export interface InputReader {
  /**
   * Infers the columns from the first lines, for an input without a schema; undefined if it has no lines. `parts` still
   * returns these lines.
   */
  readonly columns: () => Promise<InferredColumns | undefined>;
  /** Returns the lines. They may leave out the columns that are not read. */
  readonly parts: (wanted: WantedColumns) => AsyncGenerator<Part>;
}

export interface WantedColumns {
  /** All columns of the schema. */
  readonly all: readonly Column[];
  /** The columns that the statement reads. */
  readonly read: readonly Column[];
}

/**
 * Whole lines of JSON: every part ends with a line break, except perhaps the last one. The next part overwrites the
 * bytes of this one.
 */
export interface Part {
  readonly text: Buffer;
  /** Returns the line of the file for a line of the part, which is counted from 0, if another format was converted. */
  readonly lineOf?: (index: number) => number;
}

/** What is said about an input. */
export interface InputReports {
  /** Called with the records that cannot be read. */
  readonly reject: Reject;
  /** Called with what the user should know, although nothing is rejected. */
  readonly note: (text: string) => Promise<void>;
}

export type Reject = (rejected: readonly { readonly line: number; readonly reason: string }[]) => Promise<void>;
