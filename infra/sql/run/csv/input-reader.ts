import type { Column } from '../../plan/sql-type.ts';

/** An input is read once, from its start to its end. */
export interface InputReader {
  /**
   * The columns that its first lines have, when nobody says which; undefined when it has no lines. They can still be
   * read.
   */
  readonly columns: () => Promise<readonly Column[] | undefined>;
  /** The lines need not have other columns than those that are read. */
  readonly parts: (read: readonly Column[]) => AsyncGenerator<Part>;
}

/**
 * Whole lines of JSON: every part ends with a line break, except perhaps the last one. A part is overwritten by the
 * next.
 */
export interface Part {
  readonly text: Buffer;
  /** The lines of the file that these were made of, when they are not its own. */
  readonly madeOf?: readonly number[];
}

/** Is told of records that cannot be read. */
export type Reject = (refused: readonly { readonly line: number; readonly reason: string }[]) => Promise<void>;
