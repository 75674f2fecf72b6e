import { endOfRecord, isEndOfRecord, type Position, sequenceNumberOf } from '../position.ts';
import type { LogRecord } from '../record-codec/record.ts';
import { type Sleep, sleepFor } from './back-off.ts';
import {
  digitsAskedFor,
  earliestRecord,
  isExpired,
  isUnknownSequenceNumber,
  iteratorAt,
  pagesOf,
  type RawPage,
  type ShardToRead,
} from './shard-iterator.ts';
import type { Kinesis } from './shards.ts';

export interface ReadSettings {
  readonly kinesis: Kinesis;
  /** The stream's name or ARN. */
  readonly stream: string;
  readonly shardId: string;
  /** Reads on from this position. If it is inside a record, that record comes again as a whole. */
  readonly after: Position | undefined;
  /** The start, where there is no position yet. 'earliest' when left out. */
  readonly start?: 'earliest' | Date;
  /**
   * Reads to this position, which was read before. The record that it is inside, or at the end of, comes as a whole.
   * Left out: reads as far as the shard goes now.
   */
  readonly to?: Position;
  /**
   * True when the record of the position may be gone without a loss: the caller only passes the records by, or it read
   * the shard to its end so recently that nothing unread can have been trimmed since, as in a shard without new events
   * for longer than the retention. Reading then starts at the earliest record.
   */
  readonly trimmedIsNoLoss?: boolean;
  readonly signal: AbortSignal;
  readonly random?: () => number;
  readonly sleep?: Sleep;
}

export interface ReadPage {
  readonly records: readonly LogRecord[];
  /** The time by which the reader is behind the newest record. */
  readonly millisBehindLatest: number;
  /**
   * Set on the last page: the reason why it is the last. A shard's end is final: the shard is closed, and all of it has
   * been read.
   */
  readonly end?: 'caught-up' | 'shard-end' | 'to';
}

/**
 * Records were trimmed away before they were read: those between `position` and `earliest`, the first record that is
 * left.
 */
export class LostRange extends Error {
  readonly shardId: string;
  readonly position: Position;
  readonly earliest: LogRecord | undefined;

  constructor(shard: Pick<ReadSettings, 'stream' | 'shardId'>, position: Position, earliest: LogRecord | undefined) {
    const from = earliest ? `now starts at ${earliest.sequenceNumber}` : 'has nothing after it';
    super(
      `what came after ${sequenceNumberOf(position)} in ${shard.shardId} of stream '${shard.stream}' may be lost: ` +
        `that record is trimmed away, and the shard ${from}; move the step to a position that the log holds`,
    );
    this.name = 'LostRange';
    this.shardId = shard.shardId;
    this.position = position;
    this.earliest = earliest;
  }
}

/**
 * Reads (after, to] of a shard, page by page. Only the last page may have no records. Leave the loop to stop. Throws
 * when the signal aborts. Never skips records silently: throws `LostRange` for a position that the shard no longer has.
 */
export async function* readShard(settings: ReadSettings): AsyncGenerator<ReadPage, void, undefined> {
  const { after, to, signal, random = Math.random, sleep = sleepFor } = settings;
  if (after !== undefined && to !== undefined && after >= to) {
    yield { records: [], millisBehindLatest: 0, end: 'to' };
    return;
  }
  const ended = new AbortController();
  const shard: ShardToRead = { ...settings, signal: AbortSignal.any([signal, ended.signal]), random, sleep };
  try {
    const cursor = openCursor(settings, shard);
    const last = to === undefined ? undefined : BigInt(sequenceNumberOf(to));
    for (;;) {
      const page = await cursor();
      const read = last === undefined ? untilCaughtUp(page) : untilReached(page, last, settings);
      if (read.records.length > 0 || read.end) yield read;
      if (read.end) return;
    }
  } finally {
    ended.abort();
  }
}

/** A page without the records that were read before. */
interface UnreadPage extends RawPage {
  readonly wasEmpty: boolean;
}

/** The number of empty pages in a row after which the reader checks whether records follow. */
const SUSPICIOUS_EMPTY_PAGES = 10;

/**
 * Returns a function that gets the shard's next page. An iterator does not show whether the position that it was asked
 * for is still in the shard. For a trimmed sequence number, Kinesis may refuse the iterator, or give one at the
 * horizon, or one that gives empty pages and never advances (all three have been seen). So reading starts with the
 * position's own record: a reader that gets this record has missed nothing after it.
 */
function openCursor(settings: ReadSettings, shard: ShardToRead): () => Promise<UnreadPage> {
  const getPage = pagesOf(shard);
  let { after: position, start = 'earliest' } = settings;
  let iterator: string | undefined;
  let proven = position === undefined;
  let emptyPages = 0;
  let width = 0;

  async function next(): Promise<UnreadPage> {
    const page = await getNext();
    if (page === undefined) return next();
    iterator = page.next;
    if (position !== undefined && !proven && !(await prove(page, position))) return next();
    const records = position === undefined ? page.records : unread(page.records, position);
    const last = records.at(-1);
    if (last) position = endOfRecord(last.sequenceNumber);
    return { ...page, records, wasEmpty: page.records.length === 0 };
  }

  /** Undefined: try again, with another iterator. */
  async function getNext(): Promise<RawPage | undefined> {
    try {
      const atSequenceNumber = position && sequenceNumberOf(position).padStart(width, '0');
      iterator ??= await iteratorAt(shard, atSequenceNumber ? { atSequenceNumber } : start);
      return await getPage(iterator);
    } catch (error) {
      if (isExpired(error)) {
        proven = position === undefined;
        iterator = undefined;
        return undefined;
      }
      if (position === undefined || !isUnknownSequenceNumber(error)) throw error;
      if (await stillHolds(position)) throw error;
      return undefined;
    }
  }

  /**
   * Resolves to false when the page proves nothing. Reading then goes on from `iterator`, or from the start when there
   * is none.
   */
  async function prove(page: RawPage, at: Position): Promise<boolean> {
    const first = page.records[0];
    if (first === undefined) {
      const undecided = page.next !== undefined && page.millisBehindLatest > 0 && ++emptyPages < SUSPICIOUS_EMPTY_PAGES;
      return !undecided && (await stillHolds(at));
    }
    if (!reaches(first, at)) throwIfLost(at, first);
    proven = true;
    return true;
  }

  /**
   * Resolves to true when the shard still has the position. Otherwise throws, or goes back to the earliest record when
   * that loses nothing.
   */
  async function stillHolds(at: Position): Promise<boolean> {
    const earliest = await earliestRecord(shard, getPage);
    proven = true;
    if (earliest && reaches(earliest, at)) {
      const digits = digitsAskedFor(earliest);
      if (digits <= width) return true;
      [proven, width, iterator] = [false, digits, undefined];
      return false;
    }
    throwIfLost(at, earliest);
    [position, start, iterator] = [undefined, 'earliest', undefined];
    return false;
  }

  function throwIfLost(at: Position, earliest: LogRecord | undefined): void {
    const nothingLost = settings.trimmedIsNoLoss && at === settings.after && isEndOfRecord(at);
    if (!nothingLost) throw new LostRange(settings, at, earliest);
  }

  return next;
}

/** Returns true when the record is the position's own, or an earlier one. */
function reaches({ sequenceNumber }: LogRecord, position: Position): boolean {
  return BigInt(sequenceNumber) <= BigInt(sequenceNumberOf(position));
}

function unread(records: readonly LogRecord[], position: Position): readonly LogRecord[] {
  const isRead = (record: LogRecord) => endOfRecord(record.sequenceNumber) <= position;
  const first = records.findIndex((record) => !isRead(record));
  return first < 0 ? [] : records.slice(first);
}

function untilCaughtUp({ records, millisBehindLatest, next }: RawPage): ReadPage {
  if (next === undefined) return { records, millisBehindLatest, end: 'shard-end' };
  if (millisBehindLatest === 0) return { records, millisBehindLatest, end: 'caught-up' };
  return { records, millisBehindLatest };
}

/**
 * Cuts a page at the end of a range that was fixed before. Such a range must be read as a whole: its end is in the log,
 * or was.
 */
function untilReached(
  { records, millisBehindLatest, next, wasEmpty }: UnreadPage,
  last: bigint,
  shard: ReadSettings,
): ReadPage {
  const reached = records.findIndex(({ sequenceNumber }) => BigInt(sequenceNumber) >= last);
  const at = records[reached];
  if (at !== undefined) {
    const end = BigInt(at.sequenceNumber) === last ? reached + 1 : reached;
    return { records: records.slice(0, end), millisBehindLatest, end: 'to' };
  }
  if (next === undefined || (wasEmpty && millisBehindLatest === 0)) {
    throw new Error(`${shard.shardId} of stream '${shard.stream}' ends before ${last}, to which it was to be read`);
  }
  return { records, millisBehindLatest };
}
