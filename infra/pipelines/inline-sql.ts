import type { z } from 'zod';

/**
 * A SQL statement in a pipeline, as plain data. It is checked against the schemas of both streams when the pipeline is
 * deployed or run.
 */
export interface InlineSql {
  readonly sql: string;
}

/**
 * Declares a transform of a line or two: `apply: sql("SELECT id, total FROM orders WHERE status = 'PAID'")`. A longer
 * one is a `.sql` file.
 */
export function sql(text: string): InlineSql {
  return { sql: text };
}

/** An inline statement, with everything that is needed to check it. */
export interface InlineStatement {
  /** `<pipeline>/<step>`: where error messages say the statement is. */
  readonly name: string;
  readonly text: string;
  readonly from: NamedSchema;
  readonly to: NamedSchema;
}

export interface NamedSchema {
  /** The pipeline's name for the stream. */
  readonly name: string;
  readonly schema: z.ZodType;
}
