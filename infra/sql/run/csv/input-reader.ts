import type { Column } from '../../plan/sql-type.ts';

/** Reads an input once, from start to end. */
export interface InputReader {
  /**
   * Infers the columns from the first lines, for an input without a schema; undefined if it has no lines. `parts` still
   * returns these lines.
   */
  readonly columns: () => Promise<readonly Column[] | undefined>;
  /** Returns the lines. They may leave out the columns that are not in `read`. */
  readonly parts: (read: readonly Column[]) => AsyncGenerator<Part>;
}

/**
 * Whole lines of JSON: every part ends with a line break, except perhaps the last one. The next part overwrites the
 * bytes of this one.
 */
export interface Part {
  readonly text: Buffer;
  /** For each line its line number in the file, if the lines were converted from another format. */
  readonly lineNumbers?: readonly number[];
}

/** Called with the records that cannot be read. */
export type Reject = (rejected: readonly { readonly line: number; readonly reason: string }[]) => Promise<void>;
