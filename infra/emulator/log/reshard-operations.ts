import type {
  MergeShardsInput,
  SplitShardInput,
  UpdateShardCountInput,
  UpdateShardCountOutput,
} from '@aws-sdk/client-kinesis';
import { invalidArgument, LogError } from './log-error.ts';
import { findShard, findStream, type LogState, lookUp, type StreamReference } from './log-state.ts';
import { type AddShard, areAdjacent, merge, rescale, reshard, split } from './resharding.ts';
import type { Shard } from './shard.ts';
import { requireActive, type Stream, update } from './stream.ts';

/**
 * SplitShard, MergeShards and UpdateShardCount, for provisioned streams that are ACTIVE.
 *
 * *Behaviour.* The call returns at once and the stream is UPDATING. Reads and writes go on: the parents take records
 * until the update is over. Then the parents are closed, and their children take over. (API reference)
 *
 * *Differences from AWS.* All splits and merges of one update happen at one moment, when it ends; in AWS they take
 * seconds each, one after the other. Several streams can be resharded at a time; in AWS too many of them are a
 * LimitExceededException.
 */
export function reshardOperations(state: LogState) {
  return {
    /**
     * *Behaviour.* Divides an open shard's range at NewStartingHashKey: the lower child ends just before it. Each child
     * has more than one hash key.
     *
     * *Differences from AWS.* A shard that is closed is an InvalidArgumentException; kinesis-local answers
     * ResourceInUseException, and the API reference does not say.
     */
    SplitShard(input: SplitShardInput): void {
      const stream = findProvisioned(state, input);
      const shard = findShard(state, stream, input.ShardToSplit ?? '');
      requireOpen(state, stream, shard);
      const newStart = BigInt(input.NewStartingHashKey ?? '0');
      if (newStart <= shard.hashKeys.start + 1n || newStart >= shard.hashKeys.end) {
        throw invalidArgument(
          `NewStartingHashKey ${newStart} used in SplitShard() on shard ${shard.shardId} in stream ${stream.name} under ` +
            `account ${state.accountId} is not both greater than one plus the shard's StartingHashKey ` +
            `${shard.hashKeys.start} and less than the shard's EndingHashKey ${shard.hashKeys.end}.`,
        );
      }
      requireShardQuota(state, 1);
      reshardLater(state, stream, (addShard) => split(shard, newStart, addShard));
    },

    /**
     * *Behaviour.* Makes one child of two open shards whose ranges adjoin, named in either order. ShardToMerge becomes
     * its ParentShardId, AdjacentShardToMerge its AdjacentParentShardId.
     *
     * *Differences from AWS.* As for SplitShard.
     */
    MergeShards(input: MergeShardsInput): void {
      const stream = findProvisioned(state, input);
      const shard = findShard(state, stream, input.ShardToMerge ?? '');
      const adjacent = findShard(state, stream, input.AdjacentShardToMerge ?? '');
      requireOpen(state, stream, shard);
      requireOpen(state, stream, adjacent);
      if (!areAdjacent(shard, adjacent)) {
        throw invalidArgument(
          `Shards ${shard.shardId} and ${adjacent.shardId} in stream ${stream.name} under account ${state.accountId} ` +
            'are not an adjacent pair of shards eligible for merging',
        );
      }
      reshardLater(state, stream, (addShard) => merge(shard, adjacent, addShard));
    },

    /**
     * *Behaviour.* Splits and merges until the stream has the target count of equal shards. The target is at most
     * double and at least half the current count, and at most 10,000. Ten calls in 24 hours and stream. Where the old
     * ranges do not fit the new ones, shards that live for a moment come between. (API reference)
     *
     * *Differences from AWS.* The shards that live for a moment do not count towards the account's limit.
     */
    UpdateShardCount(input: UpdateShardCountInput): UpdateShardCountOutput {
      const stream = findProvisioned(state, input);
      const target = input.TargetShardCount ?? 0;
      const current = stream.open.length;
      requireScale(stream, target);
      requireShardQuota(state, target - current);
      takeRescale(state, stream);
      reshardLater(state, stream, (addShard) => rescale(stream, target, addShard));
      return {
        StreamName: stream.name,
        StreamARN: stream.arn,
        CurrentShardCount: current,
        TargetShardCount: target,
      };
    },
  };
}

/** Derives a stream's seed. Its sequence numbers depend on the log's seed and the stream alone. */
export function seedOf(state: LogState, stream: Stream): string {
  return `${state.seed}/${stream.name}/${stream.createdMillis}`;
}

export function requireShardQuota(state: LogState, additional: number): void {
  if (!state.enforceLimits) return;
  const names = [...state.streams.keys()];
  const current = names.reduce((sum, name) => sum + (lookUp(state, name)?.open.length ?? 0), 0);
  if (current + additional <= mostShards) return;
  throw new LogError(
    'LimitExceededException',
    `This request would exceed the shard limit for the account ${state.accountId} in ${state.region}. Current shard count ` +
      `for the account: ${current}. Limit: ${mostShards}. Number of additional shards that would have resulted from this ` +
      `request: ${additional}.`,
  );
}

/** The default limit of an account in us-east-1, us-west-2 and eu-west-1; it is lower elsewhere. */
const mostShards = 20_000;
const mostShardsByRescaling = 10_000;
const mostRescales = 10;
const dayMillis = 86_400_000;

function reshardLater(state: LogState, stream: Stream, change: (addShard: AddShard) => void): void {
  update(stream, state.nowMillis() + state.transitionMillis, (millis) => {
    reshard(stream, { seed: seedOf(state, stream), millis }, change);
  });
}

function findProvisioned(state: LogState, reference: StreamReference): Stream {
  const stream = findStream(state, reference);
  if (stream.mode !== 'PROVISIONED') {
    throw new LogError(
      'ValidationException',
      `Request is invalid. Stream ${stream.name} under account ${state.accountId} is in ${stream.mode} mode.`,
    );
  }
  requireActive(stream, state.accountId);
  return stream;
}

function requireOpen(state: LogState, stream: Stream, shard: Shard): void {
  if (shard.closed === undefined) return;
  throw invalidArgument(
    `Shard ${shard.shardId} in stream ${stream.name} under account ${state.accountId} has already been merged or split, ` +
      'and thus is not eligible for merging or splitting.',
  );
}

function requireScale(stream: Stream, target: number): void {
  const current = stream.open.length;
  const refuse = (rule: string) =>
    invalidArgument(`UpdateShardCount cannot ${rule}. Current shard count: ${current}. TargetShardCount: ${target}`);
  if (target > 2 * current) throw refuse('scale up to more than double the current open shard count');
  if (2 * target < current) throw refuse('scale down below half the current open shard count');
  if (target > mostShardsByRescaling) throw refuse(`scale up to more than ${mostShardsByRescaling} shards in a stream`);
}

function takeRescale(state: LogState, stream: Stream): void {
  const nowMillis = state.nowMillis();
  const recent = stream.rescaledMillis.filter((atMillis) => nowMillis - atMillis < dayMillis);
  if (state.enforceLimits && recent.length >= mostRescales) {
    throw new LogError(
      'LimitExceededException',
      `UpdateShardCount was called ${recent.length} times on stream ${stream.name} in the last 24 hours. Limit: ${mostRescales}.`,
    );
  }
  stream.rescaledMillis.splice(0, Number.POSITIVE_INFINITY, ...recent, nowMillis);
}
