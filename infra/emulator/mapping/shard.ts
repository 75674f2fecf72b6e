/** A shard and a mapping's checkpoint in it. Kept while the mapping is disabled. */
export interface Shard {
  readonly shardId: string;
  /** The shard is read only when these are drained. */
  readonly parents: readonly string[];
  readonly start: ShardStart;
  /** All records up to and including this sequence number are processed or discarded. */
  checkpoint: string | undefined;
  behindMillis: number | undefined;
  isDrained: boolean;
  /**
   * The number of `caughtUp` calls before the last poll that found nothing more, when everything read before it was
   * delivered.
   */
  caughtUpWith: number;
}

/** The position where reading begins while there is no checkpoint. */
export type ShardStart =
  | { readonly from: 'TRIM_HORIZON' }
  /** `iterator` is the one that LATEST gave at that time. When it has expired, the time is used. */
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
