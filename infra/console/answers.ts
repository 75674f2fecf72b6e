import type { StatusState } from '../operation/status/status.ts';

/** What the server sends to the pages. */
export interface TopologyAnswer {
  readonly title: string;
  readonly options: string;
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
}

/** An answer of `/api/steps/<pipeline>/<step>`. */
export interface StepAnswer {
  readonly pipeline: string;
  readonly name: string;
  readonly about: string;
  /** The stream that it reads, and the one that it writes. */
  readonly from?: string;
  readonly to?: string;
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
}

/** The beginning of some bytes, as text or, when they are no text, in base64. */
export interface ShownBytes {
  readonly text: string;
  readonly isText: boolean;
  /** Of the whole. */
  readonly size: number;
  readonly isCut: boolean;
}
