import type {
  HashKeyRange,
  Shard as ShardDescription,
  StreamDescription,
  StreamDescriptionSummary,
  StreamSummary,
} from '@aws-sdk/client-kinesis';
import type { Shard } from './shard.ts';
import type { Stream } from './stream.ts';

/** Describes a shard as ListShards and DescribeStream do. */
export function shardDescription(shard: Shard): ShardDescription {
  const [parent, adjacentParent] = shard.parents;
  return {
    ShardId: shard.shardId,
    ...(parent !== undefined && { ParentShardId: parent }),
    ...(adjacentParent !== undefined && { AdjacentParentShardId: adjacentParent }),
    HashKeyRange: hashKeyRangeOf(shard),
    SequenceNumberRange: {
      StartingSequenceNumber: shard.startingSequenceNumber,
      ...(shard.closed !== undefined && { EndingSequenceNumber: shard.closed.endingSequenceNumber }),
    },
  };
}

export function hashKeyRangeOf({ hashKeys }: Shard): HashKeyRange {
  return { StartingHashKey: hashKeys.start.toString(), EndingHashKey: hashKeys.end.toString() };
}

export function streamSummary(stream: Stream) {
  return {
    StreamName: stream.name,
    StreamARN: stream.arn,
    StreamStatus: stream.status,
    StreamModeDetails: { StreamMode: stream.mode },
    // Kinesis answers in whole seconds.
    StreamCreationTimestamp: new Date(Math.floor(stream.createdMillis / 1_000) * 1_000),
  } satisfies StreamSummary;
}

export function descriptionSummary(stream: Stream): StreamDescriptionSummary {
  return {
    ...commonDescription(stream),
    OpenShardCount: stream.open.length,
    ConsumerCount: 0,
    MaxRecordSizeInKiB: stream.maxRecordKib,
  };
}

export function description(stream: Stream, page: { shards: readonly Shard[]; hasMore: boolean }): StreamDescription {
  return { ...commonDescription(stream), Shards: page.shards.map(shardDescription), HasMoreShards: page.hasMore };
}

function commonDescription(stream: Stream) {
  return {
    ...streamSummary(stream),
    RetentionPeriodHours: stream.retentionHours,
    EnhancedMonitoring: [{ ShardLevelMetrics: [] }],
    EncryptionType: 'NONE' as const,
  };
}
