import { z } from 'zod';
import type { Table } from './table.ts';
import type { Transform } from './transform.ts';

/**
 * A join as a pipeline names it: a stream of events, each of which meets the latest row of a table with the same key.
 * The table is a stream too, whose latest event of each key is the row. `O` is the wire type of the outputs.
 */
export interface Join<Inputs extends object = never, out O = unknown> extends TwoInputs<Inputs> {
  readonly to: z.ZodType<unknown, O>;
}

/**
 * A join of two tables: a row for each key that is in one of them or in both, which follows the rows of both. Each of
 * them is a stream, whose latest event of each key is the row.
 */
export interface TableJoin<Inputs extends object = never> extends TwoInputs<Inputs> {
  /** The schema of a joined row. */
  readonly row: z.ZodType;
  readonly makesTable: true;
}

/** What every join has. `Inputs` are the wire types of its inputs by the names that the join gives them. */
interface TwoInputs<Inputs extends object> {
  /** The URL of the module that exports `handler`: `import.meta.url` there. */
  readonly entry: string;
  /** The schemas of the inputs, by their names. */
  readonly inputs: Readonly<Record<string, z.ZodType>>;
  /** Never set. Carries the types only, as in a transform. */
  readonly accepts?: (data: Inputs) => void;
  /** Re-keys an input: makes events of the stream that holds both sides, keyed by what they are joined by. */
  rekey(input: string): Transform;
  /**
   * Reads the stream that holds both sides. Of a stream and a table, keeps the rows of the table and publishes the
   * joined events; of two tables, keeps the rows of both, and the joined row.
   */
  readonly keep: Table;
}

/** The data of an event of the stream that holds both sides of a join. */
export const SideEvent = z.object({
  /** The name of the input. */
  side: z.string(),
  /** What the sides have in common. Null: the event meets no row. */
  key: z.string().nullable(),
  /** The columns of the stream that the join reads, or the whole row of the table. */
  row: z.record(z.string(), z.json()),
});

/** Returns the schema of a row of the table as the join keeps it: what it is joined by, and the row as it came. */
export const joinRow = (keys: readonly string[]): z.ZodType =>
  z.object({ ...Object.fromEntries(keys.map((key) => [key, z.string()])), row: z.json() });

/** Returns the options of the step that re-keys an input. Its module is that of the join, which has three steps. */
export const rekeyOptions = (input: string): { readonly rekey: string } => ({ rekey: input });

/** Reads the options of a step of a join. Undefined: it is the step that joins. */
export function rekeyedInput(options: unknown): string | undefined {
  const parsed = z.object({ rekey: z.string() }).safeParse(options);
  return parsed.success ? parsed.data.rekey : undefined;
}
