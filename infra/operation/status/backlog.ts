import { sleepFor } from '../../../functions/runtime/log/back-off.ts';
import {
  digitsAskedFor,
  earliestRecord,
  isUnknownSequenceNumber,
  iteratorAt,
  pagesOf,
  type RawPage,
  type ShardToRead,
} from '../../../functions/runtime/log/shard-iterator.ts';
import type { Kinesis } from '../../../functions/runtime/log/shards.ts';
import { endOfRecord, type Position, sequenceNumberOf, subSequenceOf } from '../../../functions/runtime/position.ts';
import { decodeRecord } from '../../../functions/runtime/record-codec/decode.ts';
import type { LogRecord } from '../../../functions/runtime/record-codec/record.ts';
import { bytesOf, PAGE_BYTES, pageLimitAfter } from './page-limit.ts';

/** What is in a shard after a position. */
export interface Look {
  /** When the record of the position arrived. Undefined without one, or when it is trimmed away. */
  readonly positionMillis: number | undefined;
  /** How many records come after it; at least so many when `more`. */
  readonly records: number;
  /**
   * In those records, as the log has them: what was appended again counts twice. Without those that the position is
   * after.
   */
  readonly events: number;
  readonly more: boolean;
  /** When the first of them arrived. */
  readonly oldestMillis: number | undefined;
  /** The shard is closed, and nothing comes after. */
  readonly ended: boolean;
  /** The position is before the earliest record that is left: something may have been lost. */
  readonly trimmed: boolean;
}

/** So many records are counted, or those of about so many bytes: a look at a step must not hold it up. */
const COUNTED = 500;
const COUNTED_BYTES = 2 * PAGE_BYTES;

/** They tell how large the next ones may be. */
const FIRST_PAGE_RECORDS = 10;

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

async function lookFrom(first: string, at: LookAt, getPage: ReturnType<typeof pagesOf>): Promise<Look> {
  const { shard, after, stream } = at;
  const seen: LogRecord[] = [];
  let iterator: string | undefined = first;
  let page: RawPage | undefined;
  let limit = FIRST_PAGE_RECORDS;
  for (let pages = 0; iterator !== undefined && pages < MOST_PAGES; pages++) {
    page = await getPage(iterator, limit);
    seen.push(...page.records);
    iterator = page.next;
    const unread = unreadOf(seen, after);
    if (unread.length > COUNTED || (unread.length > 0 && bytesOf(seen) >= COUNTED_BYTES)) break;
    if (shard.open && page.millisBehindLatest === 0 && page.records.length < limit) break;
    limit = Math.min(pageLimitAfter(page.records, limit), COUNTED + 1 - unread.length);
  }
  const unread = unreadOf(seen, after);
  const counted = unread.slice(0, COUNTED);
  const own = after === undefined ? undefined : seen.find(({ sequenceNumber }) => isOf(after, sequenceNumber));
  return {
    positionMillis: own?.approximateArrivalMillis,
    records: counted.length,
    events: counted.reduce((sum, record) => sum + eventsAfter(record, { after, stream }), 0),
    more: unread.length > COUNTED || (unread.length > 0 && (page?.millisBehindLatest ?? 0) > 0),
    oldestMillis: unread[0]?.approximateArrivalMillis,
    ended: iterator === undefined && unread.length === 0,
    trimmed: after !== undefined && own === undefined && unread.length > 0,
  };
}

function eventsAfter(record: LogRecord, { after, stream }: Pick<LookAt, 'after' | 'stream'>): number {
  const { length } = decodeRecord(record, { name: stream }).entries;
  const isInside = after !== undefined && isOf(after, record.sequenceNumber);
  return isInside ? Math.max(0, length - subSequenceOf(after) - 1) : length;
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
