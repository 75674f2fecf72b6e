import { z } from 'zod';
import type { Table } from './table.ts';
import type { Transform } from './transform.ts';

/**
 * A join as a pipeline names it: a stream of events, each of which meets the latest row of a table with the same key.
 * The table is a stream too, whose latest event of each key is the row. Or two streams, each of whose events meets
 * those of the other one that are near enough in time. `O` is the wire type of the outputs.
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
  /** Set for a join by a foreign key. */
  readonly tables?: JoinTables['tables'];
}

/**
 * The tables that a join by a foreign key keeps beside the joined rows, and how it re-keys the rows of its left input
 * by that key: an input named `KEYS`.
 */
export interface JoinTables {
  readonly tables: readonly [ofLeft: Table, matches: Table];
}

/** The input of `rekey` that stands for the rows of the left input, in a join by a foreign key. */
export const KEYS = 'keys';

/** The parts of the tables that a join by a foreign key has beside `keep`. */
export const LEFT_ROWS = 'rows';
export const MATCHES = 'matches';

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

/** The data of an event of the stream that holds the rows of the left input, and what they meet: by a foreign key. */
export const RowEvent = z.object({
  /** The key of the row. */
  id: z.string(),
  /** Stands for the row and its foreign key. Null: the row is deleted. */
  version: z.string().nullable(),
  /** The foreign key; null: the row meets none. Undefined in an event that says what a row meets. */
  key: z.string().nullish(),
  /** The foreign key of the row before, if it had one. */
  before: z.string().nullish(),
  /** The columns of the row that the join reads. */
  row: z.record(z.string(), z.json()).nullish(),
  /** What the row meets; null: nothing. Undefined in an event of a row. */
  found: z.record(z.string(), z.json()).nullish(),
});

/** Returns the schema of a row of the table as the join keeps it: what it is joined by, and the row as it came. */
export const joinRow = (keys: readonly string[]): z.ZodType =>
  z.object({ ...Object.fromEntries(keys.map((key) => [key, z.string()])), row: z.json() });

/** The schema of an event of a join of two streams, as it waits for others: what the view of the join shows of it. */
export const waitingRow: z.ZodType = z.object({
  /** The name of the input. */
  side: z.string(),
  key: z.string(),
  time: z.iso.datetime(),
});

/** Returns the options of the step that re-keys an input. Its module is that of the join, which has three steps. */
export const rekeyOptions = (input: string): { readonly rekey: string } => ({ rekey: input });

/** Reads the options of a table step: which table of its module it keeps. Undefined: it is the only one, or `keep`. */
export function partOf(options: unknown): string | undefined {
  const parsed = z.object({ part: z.string() }).safeParse(options);
  return parsed.success ? parsed.data.part : undefined;
}

/** Reads the options of a step of a join. Undefined: it keeps a table. */
export function rekeyedInput(options: unknown): string | undefined {
  const parsed = z.object({ rekey: z.string() }).safeParse(options);
  return parsed.success ? parsed.data.rekey : undefined;
}
