import type { CompiledTable } from './compiled.ts';
import type { LogTime } from './log-time.ts';
import type { Played, PlayedTable } from './play.ts';
import type { TableQuery } from './query.ts';

/** What a table step did with a stream, to be compared with Postgres. */
export interface Compared {
  readonly query: TableQuery;
  readonly compiled: CompiledTable;
  readonly given: Played['given'];
  readonly log: Played['log'];
  readonly played: PlayedTable;
}

/** What is asked of Postgres about one table. */
export interface Asking {
  /** Returns the answer to the query over the chosen facts. `shown` chooses among its windows. */
  theirs(chosen: string, shown?: string): string;
  /** Returns rows of the table as Postgres shows them. */
  ours(rows: readonly string[]): string;
  readonly time: LogTime;
  /** The ids of the events in the order in which they were processed: `seq` is the index. */
  readonly processed: readonly string[];
}

/** Writes a time for Postgres. */
export function timestamp(millis: number): string {
  return Number.isFinite(millis) ? new Date(millis).toISOString() : '-infinity';
}
