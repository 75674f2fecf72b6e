import {
  GetRecordsCommand,
  type GetRecordsOutput,
  GetShardIteratorCommand,
  type GetShardIteratorInput,
} from '@aws-sdk/client-kinesis';
import type { LogRecord } from '../record-codec/record.ts';
import { retry, type Sleep } from './back-off.ts';
import type { Kinesis } from './shards.ts';

export interface ShardToRead {
  readonly kinesis: Kinesis;
  /** The stream's name or ARN. */
  readonly stream: string;
  readonly shardId: string;
  readonly signal: AbortSignal;
  readonly sleep: Sleep;
  readonly random: () => number;
}

/** The start of an iterator. */
export type IteratorStart = 'earliest' | Date | { readonly atSequenceNumber: string };

export interface RawPage {
  readonly records: readonly LogRecord[];
  readonly millisBehindLatest: number;
  /** Undefined: the shard is closed, and this was its end. */
  readonly next: string | undefined;
}

/** Kinesis takes 5 GetRecords calls a second for each shard, from all readers together. */
const MILLIS_BETWEEN_CALLS = 200;

export async function iteratorAt(shard: ShardToRead, start: IteratorStart): Promise<string> {
  const command = new GetShardIteratorCommand({ ...streamOf(shard), ShardId: shard.shardId, ...typeOf(start) });
  const { ShardIterator } = await retry(() => shard.kinesis.send(command, { abortSignal: shard.signal }), shard);
  if (!ShardIterator) throw new Error(`no iterator for ${shard.shardId} of stream '${shard.stream}'`);
  return ShardIterator;
}

/**
 * Returns a function that gets the page of an iterator. Its calls wait for each other, so that they are not faster than
 * a shard allows.
 */
export function pagesOf(shard: ShardToRead): (iterator: string, limit?: number) => Promise<RawPage> {
  let mayCall = Promise.resolve();
  return async (iterator, limit) => {
    await mayCall;
    shard.signal.throwIfAborted();
    mayCall = shard.sleep(MILLIS_BETWEEN_CALLS, shard.signal).catch(() => undefined);
    const command = new GetRecordsCommand({
      ShardIterator: iterator,
      ...(shard.stream.startsWith('arn:') && { StreamARN: shard.stream }),
      ...(limit !== undefined && { Limit: limit }),
    });
    return asPage(await retry(() => shard.kinesis.send(command, { abortSignal: shard.signal }), shard));
  };
}

/** Reads the first record that the shard still has. Undefined: it has none now. */
export async function earliestRecord(
  shard: ShardToRead,
  getPage: ReturnType<typeof pagesOf>,
): Promise<LogRecord | undefined> {
  let iterator: string | undefined = await iteratorAt(shard, 'earliest');
  while (iterator !== undefined) {
    const page: RawPage = await getPage(iterator, 1);
    if (page.records[0] || page.millisBehindLatest === 0) return page.records[0];
    iterator = page.next;
  }
  return undefined;
}

/**
 * Returns how many digits a request for a sequence number of this shard must have: 0, or as many as the record shows.
 * MiniStack writes leading zeros and compares texts: asked for a number without them, it has skipped that number's
 * record.
 */
export function digitsAskedFor(record: LogRecord | undefined): number {
  return record?.sequenceNumber.startsWith('0') ? record.sequenceNumber.length : 0;
}

/** Tests for an iterator that is older than five minutes. */
export function isExpired(error: unknown): boolean {
  return (error as Error).name === 'ExpiredIteratorException';
}

/**
 * Tests for the error that Kinesis may give, in place of an iterator, for a sequence number that is no longer in the
 * shard.
 */
export function isUnknownSequenceNumber(error: unknown): boolean {
  return (error as Error).name === 'InvalidArgumentException';
}

function asPage({ Records = [], MillisBehindLatest, NextShardIterator }: GetRecordsOutput): RawPage {
  return {
    records: Records.map((record) => ({
      sequenceNumber: record.SequenceNumber ?? '',
      partitionKey: record.PartitionKey ?? '',
      data: record.Data ?? new Uint8Array(),
      approximateArrivalMillis: record.ApproximateArrivalTimestamp?.getTime() ?? 0,
    })),
    millisBehindLatest: MillisBehindLatest ?? 0,
    next: NextShardIterator ?? undefined,
  };
}

function streamOf({ stream }: ShardToRead): Pick<GetShardIteratorInput, 'StreamARN' | 'StreamName'> {
  return stream.startsWith('arn:') ? { StreamARN: stream } : { StreamName: stream };
}

function typeOf(
  start: IteratorStart,
): Pick<GetShardIteratorInput, 'ShardIteratorType' | 'StartingSequenceNumber' | 'Timestamp'> {
  if (start === 'earliest') return { ShardIteratorType: 'TRIM_HORIZON' };
  if (start instanceof Date) return { ShardIteratorType: 'AT_TIMESTAMP', Timestamp: start };
  return { ShardIteratorType: 'AT_SEQUENCE_NUMBER', StartingSequenceNumber: start.atSequenceNumber };
}
