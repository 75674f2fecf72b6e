import { sleepFor } from '../../functions/runtime/back-off.ts';
import { endOfRecord, type Position, sequenceNumberOf } from '../../functions/runtime/position.ts';
import type { LogRecord } from '../../functions/runtime/record-codec/record.ts';
import {
  digitsAskedFor,
  earliestRecord,
  isUnknownSequenceNumber,
  iteratorAt,
  pagesOf,
  type RawPage,
  type ShardToRead,
} from '../../functions/runtime/shard-iterator.ts';
import type { Kinesis } from '../../functions/runtime/shards.ts';

/** What is in a shard after a position. */
export interface Look {
  /** When the record of the position arrived. Undefined without one, or when it is trimmed away. */
  readonly positionMillis: number | undefined;
  /** How many records come after it; at least so many when `more`. */
  readonly records: number;
  readonly more: boolean;
  /** When the first of them arrived. */
  readonly oldestMillis: number | undefined;
  /** The shard is closed, and nothing comes after. */
  readonly ended: boolean;
  /** The position is before the earliest record that is left: something may have been lost. */
  readonly trimmed: boolean;
}

/**
 * How many records are counted. A shard gives 2 MB/s to all its readers together, and who reads 10 MiB at once keeps the others off
 * for five seconds: a look at a step must not hold it up.
 */
const COUNTED = 500;

/** Pages may be empty although records follow, in a shard that has few. */
const MOST_PAGES = 20;

export interface LookAt {
  readonly kinesis: Kinesis;
  /** Name or ARN. */
  readonly stream: string;
  readonly shard: { readonly id: string; readonly open: boolean };
  readonly after: Position | undefined;
  /** Where there is no position yet. */
  readonly start: 'earliest' | Date;
  readonly signal: AbortSignal;
}

/** Looks at a shard from a position on, with as few calls as tell where a reader stands. */
export async function lookAfter(at: LookAt): Promise<Look> {
  const { kinesis, stream, shard, after, signal } = at;
  const toRead: ShardToRead = { kinesis, stream, shardId: shard.id, signal, sleep: sleepFor, random: Math.random };
  const getPage = pagesOf(toRead);
  const look = await lookFrom(await firstIterator(toRead, at), at, getPage);
  if (after === undefined || look.positionMillis !== undefined) return look;
  const digits = digitsAskedFor(await earliestRecord(toRead, getPage));
  return digits === 0 ? look : lookFrom(await firstIterator(toRead, at, digits), at, getPage);
}

async function lookFrom(first: string, { shard, after }: LookAt, getPage: ReturnType<typeof pagesOf>): Promise<Look> {
  const seen: LogRecord[] = [];
  let iterator: string | undefined = first;
  let page: RawPage | undefined;
  for (let pages = 0; iterator !== undefined && pages < MOST_PAGES; pages++) {
    page = await getPage(iterator, COUNTED + 1);
    seen.push(...page.records);
    iterator = page.next;
    if (unreadOf(seen, after).length > 0 || (shard.open && page.millisBehindLatest === 0)) break;
  }
  const unread = unreadOf(seen, after);
  const own = after === undefined ? undefined : seen.find(({ sequenceNumber }) => isOf(after, sequenceNumber));
  return {
    positionMillis: own?.approximateArrivalMillis,
    records: Math.min(unread.length, COUNTED),
    more: unread.length > COUNTED || (unread.length > 0 && (page?.millisBehindLatest ?? 0) > 0),
    oldestMillis: unread[0]?.approximateArrivalMillis,
    ended: iterator === undefined && unread.length === 0,
    trimmed: after !== undefined && own === undefined && unread.length > 0,
  };
}

async function firstIterator(shard: ShardToRead, { after, start }: LookAt, digits = 0): Promise<string> {
  if (after === undefined) return iteratorAt(shard, start);
  try {
    return await iteratorAt(shard, { atSequenceNumber: sequenceNumberOf(after).padStart(digits, '0') });
  } catch (error) {
    if (!isUnknownSequenceNumber(error)) throw error;
    return iteratorAt(shard, 'earliest');
  }
}

/** Numbers, of which a server may write one with leading zeros. */
function isOf(position: Position, sequenceNumber: string): boolean {
  return BigInt(sequenceNumber) === BigInt(sequenceNumberOf(position));
}

function unreadOf(records: readonly LogRecord[], after: Position | undefined): readonly LogRecord[] {
  return after === undefined ? records : records.filter(({ sequenceNumber }) => endOfRecord(sequenceNumber) > after);
}
