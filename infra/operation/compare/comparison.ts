import type { Requests, StoredEvent } from './stored-rows.ts';

/** One of the two sinks. */
export type Side = 'a' | 'b';

/** What two sinks on one stream have stored, side by side. */
export interface Comparison {
  readonly pipeline: string;
  readonly stream: string;
  readonly sinks: Readonly<Record<Side, ComparedSink>>;
  /** How rows were matched: by these fields, by the keys of events or by their ids; or by all that is compared. */
  readonly matchedBy: 'columns' | 'key' | 'id' | 'content';
  readonly key: readonly string[];
  readonly fields: readonly string[];
  /** Fields that one sink alone has. */
  readonly notCompared: readonly { readonly field: string; readonly onlyIn: Side }[];
  readonly counts: RowCounts;
  /** In the order of their keys, up to the limit. */
  readonly differences: readonly Difference[];
  /** What a reader has to know of the comparison. */
  readonly notes: readonly string[];
}

/** Rows by what was found. A row for each event counts once for each of what it is matched by. */
export interface RowCounts {
  readonly same: number;
  readonly onlyA: number;
  readonly onlyB: number;
  readonly doubled: number;
  readonly differs: number;
  /** They differ, and an event of theirs is one that a sink has not processed, or processes again. */
  readonly waits: number;
  /**
   * They differ from the event that is the last one by its time, and are as another one says; nobody knows which came
   * last.
   */
  readonly unclear: number;
  /** They lack what rows are matched by, and are not compared. */
  readonly unmatched: number;
}

export interface ComparedSink {
  readonly name: string;
  readonly connector: string;
  readonly rows: number;
  /** How far it is behind the stream. */
  readonly lagMillis: number;
  readonly eventsBehind: number;
  readonly andMore: boolean;
  readonly bytes: number;
  /** In US dollars a month, by list prices. */
  readonly storagePrice: number;
  readonly requests: readonly Requests[];
  /** What compare itself has asked for. */
  readonly read: readonly Requests[];
}

export interface Difference {
  readonly kind: 'only-a' | 'only-b' | 'doubled' | 'differs';
  /** What the rows are matched by: values of the key's fields, the key of an event, or its id. */
  readonly id: readonly (string | null)[];
  /** How often each sink has it. */
  readonly times: Readonly<Record<Side, number>>;
  /** The fields that differ; of a row that only one sink has, all. */
  readonly fields: readonly DifferentField[];
  /** The event that the row is of, the last one of its key. Undefined: the log no longer holds it, or nobody looked. */
  readonly event?: StoredEvent;
}

export interface DifferentField {
  readonly field: string;
  readonly a: string | null;
  readonly b: string | null;
}
