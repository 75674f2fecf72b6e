/** Where a step without a position starts reading. */
export type Start = 'earliest' | 'latest' | Date;

/** Milliseconds: `minutes(5)`. */
export type Duration = number & { readonly unit?: 'milliseconds' };

interface Named {
  /** The name that the step had before: the renamed step keeps its position. */
  readonly formerly?: string;
}

interface Reader {
  /** Where the step starts when it has no position; `earliest` by default. */
  readonly start?: Start;
  /**
   * Enhanced fan-out: gives the step its own 2 MB/s from each shard, for a fee. Without it, the step shares 2 MB/s and
   * 5 reads a second of each shard with the stream's other readers. A scheduled step cannot have it.
   */
  readonly fanOut?: true;
}

/** Narrows the connector's name to the connectors that can be deployed. */
export interface Connected<Name extends string> {
  readonly connector: Name;
}

export interface SourceStep<Read, To> extends Named {
  readonly read: Read;
  /** The stream to write; of a source with several outputs, the stream of each. */
  readonly to: To;
  /** How often a pulled source is read; each minute by default. */
  readonly every?: Duration;
}

export interface TransformStep<From, Apply, To> extends Named, Reader {
  readonly from: From;
  readonly apply: Apply;
  readonly to: To;
}

export interface TableStep<From, Keep, Changes = ChangeStream> extends Named, Reader {
  readonly from: From;
  readonly keep: Keep;
  /**
   * Indexes of the table, each a list of columns of its row: `[['region'], ['customer_id', 'item']]`. They are made
   * beside the traffic, and dropped when they are named no more. Each one makes every write of a row dearer.
   */
  readonly indexes?: readonly (readonly string[])[];
  /**
   * The stream that gets the changes of the table's rows. Without it, nothing is published. The changes begin with the
   * deployment that names the stream: rows that are there already come only when they change.
   */
  readonly changes?: Changes;
}

/** The stream of a table's changes. With `before`, each change has the row as it was, in the field `before`. */
export type ChangeStream = string | { readonly to: string; readonly before?: true };

/** Returns the stream of a table's changes, and whether they have the row as it was. Undefined: it has none. */
export function changesOf({
  changes,
}: Pick<TableStep<string, unknown>, 'changes'>): { readonly to: string; readonly before: boolean } | undefined {
  if (changes === undefined) return undefined;
  return typeof changes === 'string'
    ? { to: changes, before: false }
    : { to: changes.to, before: changes.before === true };
}

/**
 * A join of a stream with a table, or of two tables. `from` names the stream of each input, by the names that the join
 * gives them. With `formerly`, its steps keep their positions and its state under the new name.
 */
export interface JoinStep<From, Apply, To> extends Named, Reader {
  readonly from: From;
  readonly apply: Apply;
  /** The stream that gets the joined events; of two tables the changes of the joined rows, if anybody reads them. */
  readonly to?: To;
  /** The shards of the internal stream that holds both sides; those of the larger input by default. */
  readonly shards?: number;
  /** How many days the internal stream keeps an event; as long as the inputs by default. */
  readonly retentionDays?: number;
  /**
   * What the name of the internal stream begins with: the name of the join by default, or `formerly`. A renamed join
   * reads on in the stream that it has, so keep this, or `formerly`, for as long as the join is there.
   */
  readonly streamOf?: string;
}

export interface SinkStep<From, Write> extends Named, Reader {
  readonly from: From;
  readonly write: Write;
  /** How often a scheduled sink runs. Without it, the sink is continuous. */
  readonly every?: Duration;
}

/** The streams that a SQL transform names in FROM and CREATE STREAM. */
export interface WrittenFor<From extends string, To extends string> {
  readonly streams?: { readonly from: From; readonly to?: To };
}
