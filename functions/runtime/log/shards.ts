import { createHash } from 'node:crypto';
import {
  DescribeStreamSummaryCommand,
  type KinesisClient,
  type Shard as KinesisShard,
  ListShardsCommand,
} from '@aws-sdk/client-kinesis';
import { insist, type Sleep, sleepFor } from './back-off.ts';

export type Kinesis = Pick<KinesisClient, 'send'>;

/** A part of a stream: the events whose keys hash into its range, in order. */
export interface Shard {
  readonly id: string;
  /** The first and the last hash of its range, both inside. */
  readonly from: bigint;
  readonly to: bigint;
  /** None, the shard it was split from, or the two it was merged from. Those that are trimmed away are still named. */
  readonly parents: readonly string[];
  /** Takes records. A closed one has been split or merged. */
  readonly open: boolean;
}

export interface StreamShape {
  readonly name: string;
  readonly arn: string;
  /** Tells this stream from an earlier one of the same name: a short hash of its ARN and creation time. */
  readonly incarnation: string;
  readonly createdMillis: number;
  /** The most bytes a record may have, data and partition key together. */
  readonly maxRecordBytes: number;
  readonly retentionMillis: number;
  /** All that are not trimmed away, as ListShards gives them. */
  readonly shards: readonly Shard[];
}

/** Asks for a stream by name or ARN. Insists until the signal aborts. */
export async function describeStream(kinesis: Kinesis, stream: string, signal: AbortSignal): Promise<StreamShape> {
  const named = stream.startsWith('arn:') ? { StreamARN: stream } : { StreamName: stream };
  const { StreamDescriptionSummary: summary } = await insist(
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

/** The stream's shards as they are now. */
export async function listShards(
  kinesis: Kinesis,
  arn: string,
  { signal, sleep = sleepFor }: { signal: AbortSignal; sleep?: Sleep },
): Promise<readonly Shard[]> {
  const shards: Shard[] = [];
  let next: string | undefined;
  do {
    // A page after the first is asked for by its token alone.
    const command = new ListShardsCommand(next ? { NextToken: next } : { StreamARN: arn });
    const page = await insist(() => kinesis.send(command, { abortSignal: signal }), {
      signal,
      sleep,
      random: Math.random,
    });
    for (const shard of page.Shards ?? []) shards.push(asShard(shard));
    next = page.NextToken;
  } while (next);
  return shards;
}

/** Those that take records, by their ranges, which together hold every hash once. */
export function openShards({ shards }: Pick<StreamShape, 'shards'>): readonly Shard[] {
  return shards.filter((shard) => shard.open).sort((a, b) => (a.from < b.from ? -1 : 1));
}

/** The one of `openShards` that takes events with this hash. */
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
