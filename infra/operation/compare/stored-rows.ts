import type { DuckDBConnection } from '@duckdb/node-api';
import type { SinkPlan } from '../../pipelines/plan.ts';
import type { Target } from '../target.ts';
import type { Form } from './forms.ts';

/** What a sink keeps, as far as its options say it. */
export interface SinkView {
  readonly step: SinkPlan;
  /** `latest`: a row for each key, as the last event says. `events`: a row for each event. */
  readonly keeps: 'latest' | 'events';
  /** Set where a row's key is columns of its data. Otherwise the key is that of the event. */
  readonly key?: readonly string[];
  /** True when an event of a type that ends with `.deleted` removes a row, or leaves none. */
  readonly removes: boolean;
  /** What the sink keeps of an event beside its data. */
  readonly stores: ReadonlySet<'id' | 'key' | 'type'>;
  open(reading: Reading): Promise<OpenRows>;
}

export interface Reading {
  readonly target: Target;
  readonly signal: AbortSignal;
  /** DuckDB, for files that it reads, and a folder for them. */
  readonly duckdb: DuckDBConnection;
  readonly folder: string;
  /** The fields of the stream's schema with their forms. None: the data is one value. */
  readonly forms: ReadonlyMap<string, Form>;
}

/** A sink whose rows can be read. */
export interface OpenRows {
  /** The fields that it has. Undefined: those of the events. */
  readonly fields?: ReadonlySet<string>;
  /** How columns keep the values of fields, where that is another form than the schema's. */
  readonly forms: ReadonlyMap<string, Form>;
  /** Reads all rows, in portions. May be called again. */
  rows(): AsyncIterable<readonly StoredRow[]>;
  /** What is stored. Complete once `rows` has come to its end. */
  footprint(): Promise<Footprint>;
}

/** A row, an item or a line, as a sink keeps it. */
export interface StoredRow {
  /** The data of its event: an object of JSON, or a value of another type. */
  readonly data: unknown;
  /** What the sink keeps of the event. */
  readonly event?: StoredEvent;
  /** Of a row for each event: where it is in the order of the events. Undefined: nobody knows. */
  readonly order?: RowOrder;
}

export interface StoredEvent {
  readonly id?: string;
  readonly key?: string;
  readonly type?: string;
  readonly time?: string;
  /** Where it is in the log. */
  readonly place?: { readonly shard: string; readonly position: string };
}

/**
 * Rows of one group are in the order of `at`. A group is later than another when it begins where the other one ends, or
 * behind that. The texts are compared as texts.
 */
export interface RowOrder {
  readonly group: string;
  readonly from: string;
  readonly to: string;
  readonly at: string;
}

/** What a sink has stored, and what that costs by the list prices of us-east-1 (prices.ts). */
export interface Footprint {
  readonly bytes: number;
  /** What the bytes cost in a month, in US dollars. */
  readonly storagePrice: number;
  /** The requests that have stored it. */
  readonly requests: readonly Requests[];
  /** The requests with which it was read just now. */
  readonly read: readonly Requests[];
}

export interface Requests {
  /** For people: `files written`. */
  readonly what: string;
  readonly count: number;
  /** In US dollars. Undefined: they are a part of what an instance costs. */
  readonly price?: number;
  /** True when there may have been more. */
  readonly atLeast?: true;
}
