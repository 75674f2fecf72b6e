/** A shard, and how far a mapping has come in it. Kept while the mapping is disabled. */
export interface Shard {
  readonly shardId: string;
  /** It is read only when these are drained. */
  readonly parents: readonly string[];
  readonly start: ShardStart;
  /** All up to and including this sequence number are done or discarded. */
  checkpoint: string | undefined;
  behindMillis: number | undefined;
  isDrained: boolean;
  /**
   * The last question "are you caught up?" that was asked before a poll which found nothing more, answered when that
   * was done.
   */
  caughtUpWith: number;
}

/** Where reading begins while there is no checkpoint. */
export type ShardStart =
  | { readonly from: 'TRIM_HORIZON' }
  /** `iterator` is what LATEST gave at the time; when it has expired, that time is the next best. */
  | { readonly from: 'AT_TIMESTAMP'; readonly millis: number; readonly iterator?: string };

export function newShard(shardId: string, parents: readonly string[], start: ShardStart): Shard {
  return {
    shardId,
    parents,
    start,
    checkpoint: undefined,
    behindMillis: undefined,
    isDrained: false,
    caughtUpWith: 0,
  };
}
