import { sleepFor } from '../../../functions/runtime/log/back-off.ts';
import {
  digitsAskedFor,
  earliestRecord,
  type IteratorStart,
  isUnknownSequenceNumber,
  iteratorAt,
  pagesOf,
  type RawPage,
  type ShardToRead,
} from '../../../functions/runtime/log/shard-iterator.ts';
import type { Kinesis } from '../../../functions/runtime/log/shards.ts';
import type { LogRecord } from '../../../functions/runtime/record-codec/record.ts';
import { pageLimitAfter } from './page-limit.ts';

/** A reader of one shard, for commands that inspect a stream. */
export interface ShardReader {
  /** Reads the first record that the shard still holds. */
  earliest(): Promise<LogRecord | undefined>;
  /** Reads records up to the present end of the shard. Starts at the earliest record when `start` has expired. */
  from(start: IteratorStart): AsyncIterable<LogRecord>;
}

export function openShardReader(options: {
  readonly kinesis: Kinesis;
  /** Name or ARN. */
  readonly stream: string;
  readonly shardId: string;
  readonly signal: AbortSignal;
}): ShardReader {
  const shard: ShardToRead = { ...options, sleep: sleepFor, random: Math.random };
  const getPage = pagesOf(shard);
  let earliest: Promise<LogRecord | undefined> | undefined;

  async function firstIterator(start: IteratorStart): Promise<string> {
    if (start === 'earliest' || start instanceof Date) return iteratorAt(shard, start);
    earliest ??= earliestRecord(shard, getPage);
    const atSequenceNumber = start.atSequenceNumber.padStart(digitsAskedFor(await earliest), '0');
    try {
      return await iteratorAt(shard, { atSequenceNumber });
    } catch (error) {
      if (!isUnknownSequenceNumber(error)) throw error;
      return iteratorAt(shard, 'earliest');
    }
  }

  return {
    earliest() {
      earliest ??= earliestRecord(shard, getPage);
      return earliest;
    },
    async *from(start) {
      // Many callers want only one record.
      let limit = 1;
      for (let iterator: string | undefined = await firstIterator(start); iterator !== undefined; ) {
        const { records, millisBehindLatest, next }: RawPage = await getPage(iterator, limit);
        yield* records;
        // A full page may end in the middle of a millisecond, and then 0 does not mean the end.
        if (millisBehindLatest === 0 && records.length < limit) return;
        limit = pageLimitAfter(records, limit);
        iterator = next;
      }
    },
  };
}
