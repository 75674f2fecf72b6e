import { GetShardIteratorCommand, type Shard as KinesisShard, ListShardsCommand } from '@aws-sdk/client-kinesis';
import { retryCall } from './retry-call.ts';
import type { Run } from './run.ts';
import { newShard, type Shard, type ShardStart } from './shard.ts';

/** Knows the stream's shards and their parents. A shard is ready to be read when all its parents are drained. */
export interface Lineage {
  /**
   * Adds the shards that Kinesis lists. `children` are those that GetRecords named at the end of a drained parent: they
   * are added even when the list does not have them yet.
   */
  discover(parent?: string, children?: readonly string[]): Promise<void>;
  /** The shards to read: not drained, with all parents drained. */
  ready(): readonly Shard[];
}

export function lineage(run: Run, signal: AbortSignal): Lineage {
  const { configuration, kinesis, shards } = run;
  const StreamARN = configuration.EventSourceArn;

  async function list(): Promise<readonly KinesisShard[]> {
    const listed: KinesisShard[] = [];
    let NextToken: string | undefined;
    do {
      const page = await kinesis.send(new ListShardsCommand(NextToken === undefined ? { StreamARN } : { NextToken }));
      listed.push(...(page.Shards ?? []));
      NextToken = page.NextToken;
    } while (NextToken !== undefined);
    return listed;
  }

  /** Takes the position LATEST at once, so that every record written after the mapping is enabled is delivered. */
  async function latest(shardId: string): Promise<ShardStart> {
    const getIterator = () =>
      kinesis.send(new GetShardIteratorCommand({ StreamARN, ShardId: shardId, ShardIteratorType: 'LATEST' }));
    const { ShardIterator } = await retryCall(run, { call: getIterator, shardId, signal });
    const millis = run.clock.now();
    return ShardIterator === undefined
      ? { from: 'AT_TIMESTAMP', millis }
      : { from: 'AT_TIMESTAMP', millis, iterator: ShardIterator };
  }

  async function firstShard(listed: KinesisShard): Promise<Shard> {
    const shardId = listed.ShardId ?? '';
    const checkpoint = run.checkpoints[shardId];
    if (checkpoint !== undefined) return { ...newShard(shardId, parentsOf(listed), fromTheStart), checkpoint };
    const isClosed = listed.SequenceNumberRange?.EndingSequenceNumber !== undefined;
    const isSkipped = configuration.StartingPosition === 'LATEST' && isClosed;
    const start = isSkipped ? fromTheStart : await startOf(shardId);
    return { ...newShard(shardId, parentsOf(listed), start), isDrained: isSkipped };
  }

  async function startOf(shardId: string): Promise<ShardStart> {
    const { StartingPosition, StartingPositionTimestamp } = configuration;
    if (StartingPosition === 'LATEST') return await latest(shardId);
    if (StartingPositionTimestamp === undefined) return fromTheStart;
    return { from: 'AT_TIMESTAMP', millis: StartingPositionTimestamp.getTime() };
  }

  return {
    async discover(parent, children = []) {
      const listed = await retryCall(run, {
        call: list,
        shardId: parent ?? 'all',
        signal,
        isFinal: (error) => run.isNew && shards.size === 0 && isStreamMissing(error),
      });
      const isFirst = shards.size === 0;
      const found = listed.filter(({ ShardId = '' }) => !shards.has(ShardId));
      const added = isFirst
        ? await Promise.all(found.map(firstShard))
        : found.map((shard) => newShard(shard.ShardId ?? '', parentsOf(shard), fromTheStart));
      for (const shard of added) shards.set(shard.shardId, shard);
      for (const shardId of children) {
        if (!shards.has(shardId))
          shards.set(shardId, newShard(shardId, parent === undefined ? [] : [parent], fromTheStart));
      }
      if (parent === undefined) forgetExpired(shards, new Set(listed.map(({ ShardId = '' }) => ShardId)));
    },
    ready: () =>
      [...shards.values()].filter(
        (shard) => !shard.isDrained && shard.parents.every((parent) => shards.get(parent)?.isDrained ?? true),
      ),
  };
}

/**
 * Marks shards that are no longer listed as drained. Kinesis lists a closed shard until its last record has expired:
 * then nothing is left to read, and its children need not wait.
 */
function forgetExpired(shards: ReadonlyMap<string, Shard>, listed: ReadonlySet<string>): void {
  for (const shard of shards.values()) {
    if (!listed.has(shard.shardId)) shard.isDrained = true;
  }
}

/** True of the error that Kinesis answers with when the stream does not exist. */
export function isStreamMissing(error: unknown): boolean {
  return error instanceof Error && error.name === 'ResourceNotFoundException';
}

const fromTheStart: ShardStart = { from: 'TRIM_HORIZON' };

function parentsOf({ ParentShardId, AdjacentParentShardId }: KinesisShard): readonly string[] {
  return [ParentShardId, AdjacentParentShardId].filter((parent) => parent !== undefined && parent !== null);
}
