import type { Rates } from '../operation/status/rates.ts';
import type { StatusState } from '../operation/status/status.ts';

/** What the server sends to the pages. */
export interface TopologyAnswer {
  readonly title: string;
  readonly options: string;
  /** The pages may change things. */
  readonly writes: boolean;
  readonly pipelines: readonly PipelineGraph[];
}

/** The graph of one pipeline with the places of its nodes. */
export interface PipelineGraph {
  readonly name: string;
  readonly width: number;
  readonly height: number;
  readonly nodes: readonly GraphNode[];
  readonly edges: readonly GraphEdge[];
}

interface AnyNode {
  readonly id: string;
  /** Of its upper left corner. */
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
  readonly name: string;
}

export type GraphNode = StepNode | StreamNode;

export interface StepNode extends AnyNode {
  readonly node: 'step';
  readonly pipeline: string;
  readonly kind: 'source' | 'transform' | 'table' | 'sink';
  /** For people: `http source`, `s3 sink, 5 min`. */
  readonly about: string;
}

export interface StreamNode extends AnyNode {
  readonly node: 'stream';
  /** The pipeline that creates it. Undefined for one that exists without us. */
  readonly pipeline: string | undefined;
  /** True when this graph only borrows it. */
  readonly isElsewhere: boolean;
}

export interface GraphEdge {
  readonly from: string;
  readonly to: string;
  /** As the attribute `d` of a path. */
  readonly path: string;
}

/** A step in all of its shards. */
export interface StepSummary {
  readonly pipeline: string;
  readonly step: string;
  /** The worst of all shards. */
  readonly state: StatusState;
  readonly shards: number;
  readonly lagMillis: number;
  readonly behind: number;
  /** What `behind` counts. */
  readonly counts: 'events' | 'messages';
  /** Counting stopped at its limit. */
  readonly andMore: boolean;
  readonly deadLetters: number;
  readonly note?: string;
}

/** A message of `/api/live/steps`. */
export interface LiveSteps {
  readonly steps: readonly StepSummary[];
  /** Why nothing could be read at all. */
  readonly problem?: string;
  readonly rates?: LiveRates;
}

export type { StepRate } from '../operation/status/rates.ts';

/** How many events a second the steps take and make. */
export interface LiveRates extends Rates {
  /** Why they could not be read. */
  readonly why?: string;
}

/** An answer of `/api/steps/<pipeline>/<step>`. */
export interface StepAnswer {
  readonly pipeline: string;
  readonly name: string;
  readonly about: string;
  /** The stream that it reads, and those that it writes. */
  readonly from?: string;
  readonly to: readonly string[];
  readonly promise?: string;
  readonly deadLetters: number;
  readonly shards: readonly StepShard[];
}

/** A step in one shard; a source has no shard. Times are RFC 3339, `now` is in milliseconds. */
export interface StepShard {
  readonly shard?: string;
  readonly state: StatusState;
  /** When the oldest record that the shard still has arrived. */
  readonly oldest?: string;
  readonly position?: { readonly sequenceNumber: string; readonly time?: string };
  readonly now: number;
  readonly behind?: number;
  readonly andMore: boolean;
  readonly lagMillis?: number;
  readonly lastProgress?: string;
  readonly note?: string;
}

/** An answer of `/api/dead-letters`. */
export interface LettersAnswer {
  readonly groups: readonly ShownGroup[];
  /** How many more are stored but were not read. */
  readonly unread: number;
}

/** Dead letters of one step and reason whose messages differ in their values only. */
export interface ShownGroup {
  readonly pipeline: string;
  readonly step: string;
  readonly reason: string;
  readonly pattern: string;
  readonly count: number;
  readonly lastStored: string;
  readonly letters: readonly ListedLetter[];
}

export interface ListedLetter {
  readonly id: string;
  readonly stored: string;
  readonly message: string;
  readonly key?: string;
}

/** An answer of `/api/dead-letters/<id>`. */
export interface LetterAnswer {
  readonly id: string;
  readonly pipeline: string;
  readonly step: string;
  readonly reason: string;
  readonly message: string;
  readonly stored: string;
  readonly shard: string;
  readonly sequenceNumber?: string;
  readonly event?: { readonly id: string; readonly key: string; readonly time: string };
  readonly origin: Readonly<Record<string, string | number>>;
  readonly bytes: ShownBytes;
  /** The data of its event, if an operator may change that. */
  readonly data?: ShownBytes;
  /** When an operator has changed the data. */
  readonly mended?: string;
}

/** The beginning of some bytes, as text or, when they are no text, in base64. */
export interface ShownBytes {
  readonly text: string;
  readonly isText: boolean;
  /** Of the whole. */
  readonly size: number;
  readonly isCut: boolean;
}

/** An answer of `/api/streams/<pipeline>/<stream>`. */
export interface StreamAnswer {
  readonly pipeline: string;
  readonly name: string;
  /** Kinesis's name, or the ARN. */
  readonly physical: string;
  readonly shards: { readonly open: number; readonly closed: number };
  readonly retentionHours: number;
  /** `<pipeline>/<step>` of the steps that write it and read it. */
  readonly writers: readonly string[];
  readonly readers: readonly string[];
  /** The fields that a condition can use. */
  readonly fields: readonly string[];
}

/** A message of `/api/live/streams/<pipeline>/<stream>`. */
export interface LiveEvents {
  /** The newest that match, or when the end of the stream is not awaited, all in their order. */
  readonly events: readonly ListedEvent[];
  /** Since the beginning: events read, events that match, and what could not be read or does not fit the condition. */
  readonly read: number;
  readonly matched: number;
  readonly unfit: number;
  /** Set on the last message: everything was read, or there are enough matches. */
  readonly end?: 'all' | 'enough';
}

/** An event in a list. */
export interface ListedEvent {
  readonly shard: string;
  readonly position: string;
  readonly key: string;
  readonly type: string;
  readonly time: string;
  /** The beginning of its data. */
  readonly preview: string;
}

/** An answer of `/api/events/<pipeline>/<stream>/<shard>/<position>`. */
export interface EventAnswer {
  readonly id: string;
  readonly source: string;
  readonly type: string;
  readonly time: string;
  readonly key: string;
  readonly sequence?: string;
  readonly traceparent?: string;
  readonly redrivenFor?: string;
  readonly data: ShownBytes;
  readonly whole: ShownBytes;
  readonly record: {
    readonly stream: string;
    readonly shard: string;
    readonly sequenceNumber: string;
    readonly partitionKey: string;
    readonly arrived: string;
    readonly bytes: number;
    readonly index: number;
    readonly entries: number;
    readonly isAggregate: boolean;
    readonly compression: string;
  };
  /** The step that made it, `<pipeline>/<step>`. Undefined for an event of another producer. */
  readonly madeBy?: string;
  /** The transforms that read it, which a page can run again: none where data is hidden. */
  readonly transforms: readonly string[];
}

/** An answer of `/api/tables`. */
export interface TablesAnswer {
  readonly tables: readonly TableAnswer[];
}

/** An answer of `/api/tables/<pipeline>/<table>`. */
export interface TableAnswer {
  readonly pipeline: string;
  readonly name: string;
  readonly key: readonly string[];
  readonly from: string;
  /** The change stream. */
  readonly changes?: string;
  /** Set for a table with windows: when it shows their rows. */
  readonly windows?: 'changes' | 'final';
  readonly deadLetters: number;
  readonly rows?: number;
  readonly bytes?: number;
  readonly lagMillis?: number;
  readonly watermark?: string | null;
  readonly openWindows?: number;
  readonly note?: string;
}

/** An answer of `/api/query`. */
export interface QueryAnswer {
  readonly columns: readonly string[];
  readonly rows: readonly (readonly (string | null)[])[];
  /** What ended the answer before its last row. */
  readonly cut?: 'rows' | 'bytes' | 'time';
}

/** An answer of `/api/trace/<pipeline>/<stream>/<shard>/<position>`. */
export interface TraceAnswer {
  /** The event itself, the input that it was made of, and so on to the event that came in. */
  readonly back: readonly TraceLink[];
  /** Where it went on. Undefined where nobody asked for that. */
  readonly onward?: readonly TraceStep[];
}

/** An event on the way. */
export interface TracePlace {
  /** `<pipeline>/<stream>`, or an ARN. */
  readonly stream: string;
  readonly shard: string;
  readonly position: string;
  readonly type: string;
  readonly key: string;
  readonly arrived: string;
}

export interface TraceLink extends TracePlace {
  readonly origin: 'transform' | 'table' | 'source' | 'redrive' | 'elsewhere';
  readonly madeBy?: string;
  /** The hash of the code and the options that made it. */
  readonly generation?: string;
  readonly verdict?: { readonly is: 'same' | 'different' | 'unknown'; readonly why?: string };
  /** Of what a table made: how many events it is made of, and those before the last, which is the next link. */
  readonly madeOf?: { readonly count: number; readonly before: readonly TracePlace[] };
}

/** What a step has made of an event. */
export interface TraceStep {
  readonly step: string;
  readonly kind: 'transform' | 'table' | 'sink';
  readonly outcome: 'waiting' | 'passed' | 'made' | 'refused' | 'unknown';
  readonly why?: string;
  readonly outputs: readonly {
    readonly type: string;
    readonly key: string;
    /** Undefined: the log does not hold it. */
    readonly place?: TracePlace;
    readonly onward: readonly TraceStep[];
  }[];
}

/** An answer of `/api/compare`: the sinks of a pipeline on one stream that can be compared with each other. */
export interface ComparableAnswer {
  readonly groups: readonly {
    readonly pipeline: string;
    readonly stream: string;
    readonly sinks: readonly string[];
  }[];
}

/** A message of `/api/live/compare/<pipeline>/<a>/<b>`. The last one has the comparison, or why there is none. */
export interface LiveComparison {
  readonly progress?: { readonly doing: string; readonly sink?: string; readonly done: number };
  readonly comparison?: ShownComparison;
  readonly failed?: string;
}

/** Two sinks side by side, as the command line says it. */
export interface ShownComparison {
  readonly names: readonly [a: string, b: string];
  readonly stream: string;
  readonly matched: string;
  readonly sideBySide: readonly (readonly [what: string, a: string, b: string])[];
  readonly found: readonly string[];
  readonly differences: readonly ShownDifference[];
  /** Differences that are not named. */
  readonly more: number;
  readonly notes: readonly string[];
}

export interface ShownDifference {
  /** What the row is matched by. */
  readonly row: string;
  /** Set where no field says what differs. */
  readonly what?: string;
  readonly fields: readonly { readonly field: string; readonly a: string | null; readonly b: string | null }[];
  /** The event of the row, in words. */
  readonly event: string;
  /** The key of the event. */
  readonly key?: string;
  /** Where the event is in the log. */
  readonly place?: { readonly shard: string; readonly position: string };
}
