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
  /** Name or ARN. */
  readonly stream: string;
  readonly shardId: string;
  /** Read on from here. One inside a record: that record comes again, whole. */
  readonly after: Position | undefined;
  /** Where there is no position yet. 'earliest' when left out. */
  readonly start?: 'earliest' | Date;
  /**
   * Read to here: a position that was read before. The record that it is inside, or at the end of, comes whole. Left
   * out: as far as the shard goes now.
   */
  readonly to?: Position;
  /**
   * The caller had caught up with the shard so recently that nothing can have been trimmed unread since. Then a
   * position whose record is gone, as in a shard without new events for longer than the retention, is no loss, and
   * reading starts at the earliest record.
   */
  readonly nothingUnreadTrimmed?: boolean;
  readonly signal: AbortSignal;
  readonly random?: () => number;
  readonly sleep?: Sleep;
}

export interface ReadPage {
  readonly records: readonly LogRecord[];
  /** How far the reader is behind the newest record. */
  readonly millisBehindLatest: number;
  /** On the last page: why it is the last. A shard's end is final: it is closed and everything in it has been read. */
  readonly end?: 'caught-up' | 'shard-end' | 'to';
}

/**
 * Records were trimmed away before they were read: those after `position` and before `earliest`, the first that is
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
 * Reads (after, to] of a shard, page by page. A page without records comes at the end only. Stop by leaving the loop;
 * throws when the signal aborts. Never skips silently: a position that the shard no longer holds is a `LostRange`.
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

/** A page without what was read before. */
interface UnreadPage extends RawPage {
  readonly wasEmpty: boolean;
}

/** Empty pages in a row after which the reader finds out whether anything is behind them. */
const SUSPICIOUS_EMPTY_PAGES = 10;

/**
 * Gets the shard's pages, one a call. Iterators do not tell whether the position that they were asked for is still
 * there: a trimmed sequence number may be refused, may give an iterator at the horizon, or one that gives empty pages
 * and never gets on (all three have been seen). So reading starts with the position's own record: to see it proves that
 * nothing behind it is missing.
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

  /** Undefined: to be tried again, with another iterator. */
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

  /** False: the page tells nothing, and reading goes on from `iterator`, or from the start when there is none. */
  async function prove(page: RawPage, at: Position): Promise<boolean> {
    const first = page.records[0];
    if (first === undefined) {
      const undecided = page.next !== undefined && page.millisBehindLatest > 0 && ++emptyPages < SUSPICIOUS_EMPTY_PAGES;
      return !undecided && (await stillHolds(at));
    }
    if (!reaches(first, at)) giveUpUnlessHarmless(at, first);
    proven = true;
    return true;
  }

  /** Otherwise it throws, or goes back to the earliest record when that loses nothing. */
  async function stillHolds(at: Position): Promise<boolean> {
    const earliest = await earliestRecord(shard, getPage);
    proven = true;
    if (earliest && reaches(earliest, at)) {
      const digits = digitsAskedFor(earliest);
      if (digits <= width) return true;
      [proven, width, iterator] = [false, digits, undefined];
      return false;
    }
    giveUpUnlessHarmless(at, earliest);
    [position, start, iterator] = [undefined, 'earliest', undefined];
    return false;
  }

  function giveUpUnlessHarmless(at: Position, earliest: LogRecord | undefined): void {
    const harmless = settings.nothingUnreadTrimmed && at === settings.after && isEndOfRecord(at);
    if (!harmless) throw new LostRange(settings, at, earliest);
  }

  return next;
}

/** Whether the record is the position's own, or an earlier one. */
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

/** A range that was fixed before must be read whole: its end is in the log, or was. */
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
