import type {
  CreateStreamInput,
  DeleteStreamInput,
  DescribeStreamInput,
  DescribeStreamOutput,
  DescribeStreamSummaryInput,
  DescribeStreamSummaryOutput,
  ListStreamsInput,
  ListStreamsOutput,
} from '@aws-sdk/client-kinesis';
import { description, descriptionSummary, streamSummary } from './descriptions.ts';
import { evenStarts, highestHashKey } from './hash-keys.ts';
import { invalidArgument, LogError } from './log-error.ts';
import { arnOf, findStream, type LogState, lookUp } from './log-state.ts';
import { openToken, sealToken } from './opaque-token.ts';
import { requireShardQuota, seedOf } from './reshard-operations.ts';
import { reshard } from './resharding.ts';
import { shortestRetentionHours } from './setting-operations.ts';
import { isExpired, type Stream } from './stream.ts';
import { tagsOf } from './tags.ts';

/** CreateStream, DeleteStream, DescribeStream, DescribeStreamSummary and ListStreams. */
export function streamOperations(state: LogState) {
  return {
    /**
     * *Behaviour.* Returns at once. The stream is CREATING, without shards, then ACTIVE with equal ranges. Records are
     * kept for 24 hours, and have at most MaxRecordSizeInKiB, 1,024 by default. Five streams can be CREATING, and an
     * account has 20,000 shards: beyond these, LimitExceededException. An on-demand stream starts with four shards.
     * (API reference) So does a provisioned stream without a ShardCount, where the API reference asks for one (seen).
     * The Tags are those that ListTagsForStream and ListTagsForResource list.
     *
     * *Differences from AWS.* WarmThroughputMiBps and RecordDistributionStrategy AUTO are refused.
     */
    CreateStream(input: CreateStreamInput): void {
      const shardCount = shardCountOf(input);
      const name = input.StreamName ?? '';
      if (lookUp(state, name) !== undefined) {
        throw new LogError('ResourceInUseException', `Stream ${name} under account ${state.accountId} already exists.`);
      }
      requireStreamQuota(state);
      requireShardQuota(state, shardCount);
      const nowMillis = state.nowMillis();
      const stream: Stream = {
        name,
        arn: arnOf(state, name),
        createdMillis: nowMillis,
        mode: input.StreamModeDetails?.StreamMode ?? 'PROVISIONED',
        status: 'CREATING',
        retentionHours: shortestRetentionHours,
        maxRecordKib: input.MaxRecordSizeInKiB ?? 1_024,
        tags: tagsOf(input),
        shards: [],
        open: [],
        rescaledMillis: [],
        change: { dueMillis: nowMillis + state.transitionMillis, complete: () => open(state, stream, shardCount) },
      };
      state.streams.set(name, stream);
    },

    /**
     * *Behaviour.* Returns at once. The stream is DELETING, then gone with its records. A new stream of the same name
     * knows nothing of the old one: its iterators and tokens do not work.
     *
     * *Differences from AWS.* A stream is deleted in any state; Kinesis asks for ACTIVE. PutRecord, PutRecords and
     * GetShardIterator answer ResourceNotFoundException as soon as the stream is DELETING; Kinesis may go on to accept
     * them (API reference). EnforceConsumerDeletion changes nothing, because there are no consumers.
     */
    DeleteStream(input: DeleteStreamInput): void {
      const stream = findStream(state, input);
      if (stream.status === 'DELETING') return;
      stream.status = 'DELETING';
      stream.change = {
        dueMillis: state.nowMillis() + state.transitionMillis,
        complete: () => state.streams.delete(stream.name),
      };
    },

    /**
     * *Behaviour.* Describes a stream with its shards, at most 100 a page whatever the Limit (API reference). Closed
     * shards whose records have all expired are left out.
     *
     * *Differences from AWS.* Shards come in the order of their ids; Kinesis promises none.
     */
    DescribeStream(input: DescribeStreamInput): DescribeStreamOutput {
      const stream = findStream(state, input);
      const after = input.ExclusiveStartShardId ?? '';
      const shards = stream.shards.filter(
        (shard) => !isExpired(stream, shard, state.nowMillis()) && shard.shardId > after,
      );
      const limit = Math.min(input.Limit ?? 100, 100);
      return {
        StreamDescription: description(stream, { shards: shards.slice(0, limit), hasMore: shards.length > limit }),
      };
    },

    /**
     * *Behaviour.* Describes a stream without its shards. The time of creation is in whole seconds.
     *
     * *Differences from AWS.* ConsumerCount is always 0, and what concerns encryption and warm throughput is missing.
     */
    DescribeStreamSummary(input: DescribeStreamSummaryInput): DescribeStreamSummaryOutput {
      return { StreamDescriptionSummary: descriptionSummary(findStream(state, input)) };
    },

    /**
     * *Behaviour.* Lists streams, 100 a page unless Limit says otherwise (API reference).
     *
     * *Differences from AWS.* Streams come in the order of their names; Kinesis promises none. A token does not expire.
     */
    ListStreams(input: ListStreamsInput): ListStreamsOutput {
      const after = input.NextToken ? tokenStart(input.NextToken) : (input.ExclusiveStartStreamName ?? '');
      const streams = [...state.streams.keys()]
        .map((name) => lookUp(state, name))
        .filter((stream) => stream !== undefined)
        .filter(({ name }) => name > after)
        .sort((a, b) => (a.name < b.name ? -1 : 1));
      const page = streams.slice(0, Math.min(input.Limit ?? 100, 10_000));
      const hasMore = page.length < streams.length;
      return {
        StreamNames: page.map(({ name }) => name),
        StreamSummaries: page.map(streamSummary),
        HasMoreStreams: hasMore,
        ...(hasMore && { NextToken: sealToken(['streams', page.at(-1)?.name ?? '']) }),
      };
    },
  };
}

const defaultShards = 4;
const mostStreamsInCreation = 5;

function open(state: LogState, stream: Stream, shardCount: number): void {
  const starts = evenStarts(shardCount);
  reshard(stream, { seed: seedOf(state, stream), millis: stream.createdMillis }, (addShard) => {
    for (const [index, start] of starts.entries()) {
      addShard({ start, end: (starts[index + 1] ?? highestHashKey + 1n) - 1n }, []);
    }
  });
  stream.status = 'ACTIVE';
}

function shardCountOf(input: CreateStreamInput): number {
  const { WarmThroughputMiBps, RecordDistributionStrategy, ShardCount, StreamModeDetails } = input;
  if (WarmThroughputMiBps !== undefined && WarmThroughputMiBps !== null) {
    throw invalidArgument(`'WarmThroughputMiBps' is not simulated: leave it out`);
  }
  if (RecordDistributionStrategy === 'AUTO') {
    throw invalidArgument(`'RecordDistributionStrategy' AUTO is not simulated: use USER_PARTITION_KEY`);
  }
  const isOnDemand = StreamModeDetails?.StreamMode === 'ON_DEMAND';
  if (isOnDemand && ShardCount !== undefined && ShardCount !== null) {
    throw new LogError(
      'ValidationException',
      `ShardCount must not be given for a stream in ON_DEMAND mode: '${ShardCount}'`,
    );
  }
  return ShardCount ?? defaultShards;
}

function requireStreamQuota(state: LogState): void {
  const creating = [...state.streams.keys()].filter((name) => lookUp(state, name)?.status === 'CREATING');
  if (!state.enforceLimits || creating.length < mostStreamsInCreation) return;
  throw new LogError(
    'LimitExceededException',
    `Limit of ${mostStreamsInCreation} streams in state CREATING exceeded: ${creating.join(', ')}`,
  );
}

function tokenStart(token: string): string {
  const [kind, name] = openToken(token) ?? [];
  if (kind !== 'streams') throw invalidArgument('Invalid NextToken.');
  return String(name);
}
