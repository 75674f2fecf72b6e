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
import { endOfRecord, type Position, sequenceNumberOf } from '../../../functions/runtime/position.ts';
import { decodeRecord } from '../../../functions/runtime/record-codec/decode.ts';
import type { LogRecord } from '../../../functions/runtime/record-codec/record.ts';
import { bytesOf, PAGE_BYTES, pageLimitAfter } from './page-limit.ts';

/** The records of a shard after a position. */
export interface Backlog {
  /** When the record of the position arrived. Undefined without a position, or when its record has expired. */
  readonly positionMillis: number | undefined;
  /** Records after the position; with `more`, there are more than this. */
  readonly records: number;
  /** Events after the position in those records, as the log holds them: duplicates count too. */
  readonly events: number;
  readonly more: boolean;
  /** When the first of those records arrived. */
  readonly oldestMillis: number | undefined;
  /** The shard is closed, and no record comes after the position. */
  readonly ended: boolean;
  /** The record of the position has expired, so records after it may be lost. */
  readonly trimmed: boolean;
}

/** Limits of counting: reading a backlog must not slow the step down. */
const MOST_COUNTED = 500;
const MOST_COUNTED_BYTES = 2 * PAGE_BYTES;

/** A small first page shows how large the records are. */
const FIRST_PAGE_RECORDS = 10;

/** In a shard with few records, pages may be empty although records follow. */
const MOST_PAGES = 20;

export interface BacklogQuery {
  readonly kinesis: Kinesis;
  /** Name or ARN. */
  readonly stream: string;
  readonly shard: { readonly id: string; readonly open: boolean };
  readonly after: Position | undefined;
  /** Where to start without a position. */
  readonly start: 'earliest' | Date;
  readonly signal: AbortSignal;
}

/** Reads a shard from a position on, with few calls, to measure how far a step is behind. */
export async function readBacklog(query: BacklogQuery): Promise<Backlog> {
  const { kinesis, stream, shard, after, signal } = query;
  const toRead: ShardToRead = { kinesis, stream, shardId: shard.id, signal, sleep: sleepFor, random: Math.random };
  const getPage = pagesOf(toRead);
  const backlog = await readFrom(await firstIterator(toRead, query), query, getPage);
  if (after === undefined || backlog.positionMillis !== undefined) return backlog;
  const digits = digitsAskedFor(await earliestRecord(toRead, getPage));
  return digits === 0 ? backlog : readFrom(await firstIterator(toRead, query, digits), query, getPage);
}

async function readFrom(first: string, query: BacklogQuery, getPage: ReturnType<typeof pagesOf>): Promise<Backlog> {
  const { shard, after, stream } = query;
  const seen: LogRecord[] = [];
  let iterator: string | undefined = first;
  let page: RawPage | undefined;
  let limit = FIRST_PAGE_RECORDS;
  for (let pages = 0; iterator !== undefined && pages < MOST_PAGES; pages++) {
    page = await getPage(iterator, limit);
    seen.push(...page.records);
    iterator = page.next;
    const unread = unreadOf(seen, after);
    if (unread.length > MOST_COUNTED || (unread.length > 0 && bytesOf(seen) >= MOST_COUNTED_BYTES)) break;
    if (shard.open && page.millisBehindLatest === 0 && page.records.length < limit) break;
    limit = Math.min(pageLimitAfter(page.records, limit), MOST_COUNTED + 1 - unread.length);
  }
  const unread = unreadOf(seen, after);
  const counted = unread.slice(0, MOST_COUNTED);
  const own = after === undefined ? undefined : seen.find(({ sequenceNumber }) => isOf(after, sequenceNumber));
  return {
    positionMillis: own?.approximateArrivalMillis,
    records: counted.length,
    events: counted.reduce((sum, record) => sum + eventsAfter(record, { after, stream }), 0),
    more: unread.length > MOST_COUNTED || (unread.length > 0 && (page?.millisBehindLatest ?? 0) > 0),
    oldestMillis: unread[0]?.approximateArrivalMillis,
    ended: iterator === undefined && unread.length === 0,
    trimmed: after !== undefined && own === undefined && unread.length > 0,
  };
}

function eventsAfter(record: LogRecord, { after, stream }: Pick<BacklogQuery, 'after' | 'stream'>): number {
  const { entries } = decodeRecord(record, { name: stream });
  if (after === undefined || !isOf(after, record.sequenceNumber)) return entries.length;
  return entries.filter((entry) => ('rejection' in entry ? entry.rejection.at : entry.event.position) > after).length;
}

async function firstIterator(shard: ShardToRead, { after, start }: BacklogQuery, digits = 0): Promise<string> {
  if (after === undefined) return iteratorAt(shard, start);
  try {
    return await iteratorAt(shard, { atSequenceNumber: sequenceNumberOf(after).padStart(digits, '0') });
  } catch (error) {
    if (!isUnknownSequenceNumber(error)) throw error;
    return iteratorAt(shard, 'earliest');
  }
}

/** Compares sequence numbers as numbers: some servers write them with leading zeros. */
function isOf(position: Position, sequenceNumber: string): boolean {
  return BigInt(sequenceNumber) === BigInt(sequenceNumberOf(position));
}

function unreadOf(records: readonly LogRecord[], after: Position | undefined): readonly LogRecord[] {
  return after === undefined ? records : records.filter(({ sequenceNumber }) => endOfRecord(sequenceNumber) > after);
}
