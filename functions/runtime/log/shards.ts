import { createHash } from 'node:crypto';
import {
  DescribeStreamSummaryCommand,
  type KinesisClient,
  type Shard as KinesisShard,
  ListShardsCommand,
} from '@aws-sdk/client-kinesis';
import { retry, type Sleep, sleepFor } from './back-off.ts';

export type Kinesis = Pick<KinesisClient, 'send'>;

/** A shard of a stream: the events whose keys hash into its range, in order. */
export interface Shard {
  readonly id: string;
  /** The first and the last hash of its range, both included. */
  readonly from: bigint;
  readonly to: bigint;
  /**
   * The parents: none, the shard that it was split from, or the two that it was merged from. Parents that are trimmed
   * away are still named.
   */
  readonly parents: readonly string[];
  /** True when the shard takes records. A closed shard has been split or merged. */
  readonly open: boolean;
  /** Set where the stream lists the shard no more, because all of its records are trimmed away. */
  readonly isForgotten?: true;
}

export interface StreamShape {
  readonly name: string;
  readonly arn: string;
  /** Distinguishes this stream from an earlier one of the same name: a short hash of its ARN and creation time. */
  readonly incarnation: string;
  readonly createdMillis: number;
  /** The most bytes of a record: data and partition key together. */
  readonly maxRecordBytes: number;
  readonly retentionMillis: number;
  /** All shards that are not trimmed away, as ListShards gives them. */
  readonly shards: readonly Shard[];
}

/** Describes a stream, by name or ARN. Retries until the signal aborts. */
export async function describeStream(kinesis: Kinesis, stream: string, signal: AbortSignal): Promise<StreamShape> {
  const named = stream.startsWith('arn:') ? { StreamARN: stream } : { StreamName: stream };
  const { StreamDescriptionSummary: summary } = await retry(
    () => kinesis.send(new DescribeStreamSummaryCommand(named), { abortSignal: signal }),
    { signal, sleep: sleepFor, random: Math.random },
  );
  const { StreamName: name, StreamARN: arn, StreamCreationTimestamp: created } = summary ?? {};
  if (!name || !arn || !created)
    throw new Error(`the description of stream '${stream}' lacks a name, ARN or creation time`);
  return {
    name,
    arn,
    incarnation: incarnationOf(arn, created),
    createdMillis: created.getTime(),
    maxRecordBytes: (summary?.MaxRecordSizeInKiB ?? 1_024) * 1_024,
    retentionMillis: (summary?.RetentionPeriodHours ?? 24) * 3_600_000,
    shards: await listShards(kinesis, arn, { signal }),
  };
}

/** Lists the stream's shards as they are now. */
export async function listShards(
  kinesis: Kinesis,
  arn: string,
  { signal, sleep = sleepFor }: { signal: AbortSignal; sleep?: Sleep },
): Promise<readonly Shard[]> {
  const shards: Shard[] = [];
  let next: string | undefined;
  do {
    // Every page after the first is requested by its token alone.
    const command = new ListShardsCommand(next ? { NextToken: next } : { StreamARN: arn });
    const page = await retry(() => kinesis.send(command, { abortSignal: signal }), {
      signal,
      sleep,
      random: Math.random,
    });
    for (const shard of page.Shards ?? []) shards.push(asShard(shard));
    next = page.NextToken;
  } while (next);
  return shards;
}

/** Returns the shards that take records, in the order of their ranges. Together, these cover every hash once. */
export function openShards({ shards }: Pick<StreamShape, 'shards'>): readonly Shard[] {
  return shards.filter((shard) => shard.open).sort((a, b) => (a.from < b.from ? -1 : 1));
}

/** Returns the one of `openShards` that takes events with this hash. */
export function shardFor(open: readonly Shard[], hash: bigint): Shard {
  let low = 0;
  let high = open.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if ((open[middle] as Shard).from <= hash) low = middle;
    else high = middle - 1;
  }
  const shard = open[low];
  if (!shard || !covers(shard, hash)) throw new Error(`no open shard takes events that hash to ${hash}`);
  return shard;
}

export function covers(shard: Pick<Shard, 'from' | 'to'>, hash: bigint): boolean {
  return hash >= shard.from && hash <= shard.to;
}

function incarnationOf(arn: string, created: Date): string {
  return createHash('sha256').update(`${arn}\n${created.getTime()}`).digest('base64url').slice(0, 12);
}

function asShard(shard: KinesisShard): Shard {
  return {
    id: shard.ShardId ?? '',
    from: BigInt(shard.HashKeyRange?.StartingHashKey ?? ''),
    to: BigInt(shard.HashKeyRange?.EndingHashKey ?? ''),
    parents: [shard.ParentShardId, shard.AdjacentParentShardId].filter((id) => id !== undefined),
    open: shard.SequenceNumberRange?.EndingSequenceNumber === undefined,
  };
}
