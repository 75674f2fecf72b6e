import type { z } from 'zod';

/**
 * SQL that stands in a pipeline. Plain data: whoever deploys or runs the pipeline checks it against both of its
 * streams' schemas.
 */
export interface InlineSql {
  readonly sql: string;
}

/**
 * A transform of a line or two: `apply: sql("SELECT id, total FROM orders WHERE status = 'PAID'")`. A longer one is a
 * `.sql` file.
 */
export function sql(text: string): InlineSql {
  return { sql: text };
}

/** An inline statement and all that it is checked by. */
export interface InlineStatement {
  /** `<pipeline>/<step>`: what mistakes in it are called by. */
  readonly name: string;
  readonly text: string;
  readonly from: NamedSchema;
  readonly to: NamedSchema;
}

export interface NamedSchema {
  /** What the pipeline calls the stream. */
  readonly name: string;
  readonly schema: z.ZodType;
}
