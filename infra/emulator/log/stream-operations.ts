import type {
  CreateStreamInput,
  DecreaseStreamRetentionPeriodInput,
  DeleteStreamInput,
  DescribeStreamInput,
  DescribeStreamOutput,
  DescribeStreamSummaryInput,
  DescribeStreamSummaryOutput,
  IncreaseStreamRetentionPeriodInput,
  ListStreamsInput,
  ListStreamsOutput,
  UpdateMaxRecordSizeInput,
} from '@aws-sdk/client-kinesis';
import { description, descriptionSummary, streamSummary } from './descriptions.ts';
import { evenStarts, highestHashKey } from './hash-keys.ts';
import { invalidArgument, LogError } from './log-error.ts';
import { arnOf, findStream, type LogState, lookUp } from './log-state.ts';
import { openToken, sealToken } from './opaque-token.ts';
import { requireShardQuota, seedOf } from './reshard-operations.ts';
import { reshard } from './resharding.ts';
import { isExpired, requireActive, type Stream, trimAll, update } from './stream.ts';

/** What there is: streams and their settings. */
export function streamOperations(state: LogState) {
  return {
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
        shards: [],
        open: [],
        rescaledMillis: [],
        change: { dueMillis: nowMillis + state.transitionMillis, complete: () => open(state, stream, shardCount) },
      };
      state.streams.set(name, stream);
    },

    DeleteStream(input: DeleteStreamInput): void {
      const stream = findStream(state, input);
      if (stream.status === 'DELETING') return;
      stream.status = 'DELETING';
      stream.change = {
        dueMillis: state.nowMillis() + state.transitionMillis,
        complete: () => state.streams.delete(stream.name),
      };
    },

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

    DescribeStreamSummary(input: DescribeStreamSummaryInput): DescribeStreamSummaryOutput {
      return { StreamDescriptionSummary: descriptionSummary(findStream(state, input)) };
    },

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

    IncreaseStreamRetentionPeriod(input: IncreaseStreamRetentionPeriodInput): void {
      const stream = findStream(state, input);
      const hours = requireRetention(input.RetentionPeriodHours ?? 0);
      requireActive(stream, state.accountId);
      if (hours < stream.retentionHours) {
        throw invalidArgument(
          `Requested retention period (${hours} hours) for stream ${stream.name} can not be shorter than existing ` +
            `retention period (${stream.retentionHours} hours). Use DecreaseRetentionPeriod API.`,
        );
      }
      // What has expired stays so, however long records are kept from now on.
      trimAll(stream, state.nowMillis());
      updateWith(state, stream, () => {
        stream.retentionHours = hours;
      });
    },

    DecreaseStreamRetentionPeriod(input: DecreaseStreamRetentionPeriodInput): void {
      const stream = findStream(state, input);
      const hours = requireRetention(input.RetentionPeriodHours ?? 0);
      requireActive(stream, state.accountId);
      if (hours > stream.retentionHours) {
        throw invalidArgument(
          `Requested retention period (${hours} hours) for stream ${stream.name} can not be longer than existing ` +
            `retention period (${stream.retentionHours} hours). Use IncreaseRetentionPeriod API.`,
        );
      }
      updateWith(state, stream, () => {
        stream.retentionHours = hours;
      });
    },

    UpdateMaxRecordSize(input: UpdateMaxRecordSizeInput): void {
      const stream = findStream(state, input);
      requireActive(stream, state.accountId);
      updateWith(state, stream, () => {
        stream.maxRecordKib = input.MaxRecordSizeInKiB ?? stream.maxRecordKib;
      });
    },
  };
}

const shortestRetentionHours = 24;
const longestRetentionHours = 8_760;
const onDemandShards = 4;
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

/** What changes at the end of the update, when the stream is ACTIVE again. */
function updateWith(state: LogState, stream: Stream, change: () => void): void {
  update(stream, state.nowMillis() + state.transitionMillis, change);
}

function shardCountOf(input: CreateStreamInput): number {
  const { Tags, WarmThroughputMiBps, RecordDistributionStrategy, ShardCount, StreamModeDetails } = input;
  const unknown = Object.entries({ Tags, WarmThroughputMiBps }).find(
    ([, value]) => value !== undefined && value !== null,
  );
  if (unknown !== undefined) throw invalidArgument(`'${unknown[0]}' is not simulated: leave it out`);
  if (RecordDistributionStrategy === 'AUTO') {
    throw invalidArgument(`'RecordDistributionStrategy' AUTO is not simulated: use USER_PARTITION_KEY`);
  }
  const isOnDemand = StreamModeDetails?.StreamMode === 'ON_DEMAND';
  if (isOnDemand === (ShardCount !== undefined && ShardCount !== null)) {
    throw new LogError(
      'ValidationException',
      isOnDemand
        ? `ShardCount must not be given for a stream in ON_DEMAND mode: '${ShardCount}'`
        : 'ShardCount must be given for a stream in PROVISIONED mode',
    );
  }
  return ShardCount ?? onDemandShards;
}

function requireStreamQuota(state: LogState): void {
  const creating = [...state.streams.keys()].filter((name) => lookUp(state, name)?.status === 'CREATING');
  if (!state.enforceLimits || creating.length < mostStreamsInCreation) return;
  throw new LogError(
    'LimitExceededException',
    `Limit of ${mostStreamsInCreation} streams in state CREATING exceeded: ${creating.join(', ')}`,
  );
}

function requireRetention(hours: number): number {
  const said = `Requested retention period (${hours} hours)`;
  if (hours < shortestRetentionHours) {
    throw invalidArgument(`Minimum allowed retention period is ${shortestRetentionHours} hours. ${said} is too short.`);
  }
  if (hours > longestRetentionHours) {
    throw invalidArgument(`Maximum allowed retention period is ${longestRetentionHours} hours. ${said} is too long.`);
  }
  return hours;
}

function tokenStart(token: string): string {
  const [kind, name] = openToken(token) ?? [];
  if (kind !== 'streams') throw invalidArgument('Invalid NextToken.');
  return String(name);
}
