import type { Attempt, Doing } from '../checkpoints/attempts.ts';
import { endOfRecord, type Position, positionOf, subSequenceOf } from '../position.ts';
import type { LogRecord } from '../record-codec/record.ts';

/** An event is rejected after so many processes in a row have died with it and nothing else. */
export const MOST_DEATHS = 3;

/** After so many rejections in a row, the code is probably the cause: the step waits and tries the next event alone. */
export const MOST_REJECTED = 3;

/** After this many deaths, rejecting the event kills the process as well: then its whole record is rejected. */
export const HOPELESS_DEATHS = 2 * MOST_DEATHS;

/** How far the search for a poison record has come, in one shard at one position. */
export interface PoisonSearch {
  /** A process has died with the range from the position to here. Undefined: no poison record is known. */
  readonly until: Position | undefined;
  /** How many processes in a row have died with exactly this range. 0: they died with a larger one. */
  readonly deaths: number;
  /** How many of the last ones died while they decoded the one record of the range. */
  readonly undecoded: number;
  /**
   * When the first and the last of the attempts began that died with this range, in milliseconds since 1970. Right
   * after a rejection, `lastMillis` is when that began.
   */
  readonly sinceMillis: number | undefined;
  readonly lastMillis: number | undefined;
  /** How many events right before the position were rejected in a row because they killed the function. */
  readonly rejected: number;
  /** The last attempt at this position, when the position has not moved since. */
  readonly last: { readonly doing: Doing; readonly to: Position; readonly died: boolean } | undefined;
}

const NO_SEARCH: PoisonSearch = {
  until: undefined,
  deaths: 0,
  undecoded: 0,
  sinceMillis: undefined,
  lastMillis: undefined,
  rejected: 0,
  last: undefined,
};

/** Derives the search from the attempt that was stored last, for a process that finds the shard at a position. */
export function searchAfter(
  attempt: Attempt | undefined,
  at: { readonly position: Position; readonly generation: string; readonly process: string },
): PoisonSearch {
  if (attempt === undefined || attempt.generation !== at.generation) return NO_SEARCH;
  if (at.position < attempt.from || at.position > attempt.to) return NO_SEARCH;
  return at.position === attempt.from ? afterNoProgress(attempt, at.process) : afterProgress(attempt, at.position);
}

/**
 * The position is where the attempt began, so its process died, unless the attempt says that its process survived. When
 * the process that asks is the one that made the attempt, it is alive whatever the attempt says.
 */
function afterNoProgress(attempt: Attempt, process: string): PoisonSearch {
  const { doing, to, until, deaths, undecoded, rejected, sinceMillis, begunMillis } = attempt;
  const died = doing !== 'holding' && !attempt.survived && attempt.by !== process;
  const last = { doing, to, died };
  if (!died) return { until, deaths, undecoded, sinceMillis, lastMillis: begunMillis, rejected, last };
  const sameRange = deaths > 0 && until === to;
  return {
    until: to,
    deaths: sameRange ? deaths + 1 : 1,
    undecoded: doing === 'decoding' ? undecoded + 1 : 0,
    sinceMillis: sameRange ? sinceMillis : begunMillis,
    lastMillis: begunMillis,
    rejected,
    last,
  };
}

/** The position has moved, so the poison record is in the rest of the range. */
function afterProgress({ doing, to, until, rejected, begunMillis }: Attempt, position: Position): PoisonSearch {
  if (doing.startsWith('rejecting') && position === to)
    return { ...NO_SEARCH, lastMillis: begunMillis, rejected: rejected + 1 };
  return until === undefined || position >= until ? NO_SEARCH : { ...NO_SEARCH, until };
}

/** Tells whether what comes next may kill the process, so that nothing else may run beside it. */
export function isSuspect({ until, rejected }: PoisonSearch): boolean {
  return until !== undefined || rejected >= MOST_REJECTED;
}

/** What a process does next with a shard, and up to which position. */
export interface NextAttempt {
  readonly doing: Exclude<Doing, 'holding'>;
  readonly to: Position;
}

/**
 * Bisects the range that killed a process: the first half of the range is tried, then half of that half, until the
 * range is one event. Records can be divided without decoding them. The events of the last record are divided by their
 * number, which is known once the record was decoded. After three rejections in a row, the next event is tried alone.
 *
 * `waiting`: the records from the position on, beginning with the one that the position is in or just before.
 * `entries`: how many events the first record has; undefined before that record is decoded.
 */
export function nextAttempt(
  search: PoisonSearch,
  waiting: readonly LogRecord[],
  known: { readonly position: Position; readonly entries: number | undefined },
): NextAttempt {
  const { deaths, until, last, rejected } = search;
  const [first] = waiting;
  if (first === undefined) throw new RangeError('no record to process: at least one must wait');
  const all: NextAttempt = { doing: 'working', to: endOfRecord((waiting.at(-1) as LogRecord).sequenceNumber) };
  if (!isSuspect(search)) return all;
  if (last?.doing === 'rejecting record') return { doing: 'rejecting record', to: last.to };
  if (last?.doing === 'rejecting event') {
    return deaths >= HOPELESS_DEATHS
      ? { doing: 'rejecting record', to: endOfRecord(first.sequenceNumber) }
      : { doing: 'rejecting event', to: last.to };
  }
  if (rejected >= MOST_REJECTED) return nextInRecord(ofRecord(search, first), first, known);
  if (until === undefined) return all;
  const inRange = waiting.filter(({ sequenceNumber }) => positionOf(sequenceNumber, 0) <= until);
  if (inRange.length === 0) return all;
  if (inRange.length > 1) {
    const lastOfHalf = inRange[Math.floor(inRange.length / 2) - 1] as LogRecord;
    return { doing: 'working', to: endOfRecord(lastOfHalf.sequenceNumber) };
  }
  return nextInRecord(search, first, known);
}

/** Forgets deaths with more than one record: they say nothing about the next event alone. */
function ofRecord(search: PoisonSearch, { sequenceNumber }: LogRecord): PoisonSearch {
  const { until } = search;
  return until === undefined || until <= endOfRecord(sequenceNumber)
    ? search
    : { ...search, until: undefined, deaths: 0, undecoded: 0 };
}

function nextInRecord(
  { deaths, undecoded, until, rejected }: PoisonSearch,
  { sequenceNumber }: LogRecord,
  { position, entries }: { readonly position: Position; readonly entries: number | undefined },
): NextAttempt {
  const end = endOfRecord(sequenceNumber);
  if (entries === undefined) {
    // Deaths of one event in the record are no reason to reject the whole record: only deaths while decoding count.
    return undecoded >= MOST_DEATHS
      ? { doing: 'rejecting record', to: end }
      : { doing: 'decoding', to: lesser(end, until ?? end) };
  }
  const firstIndex = position < positionOf(sequenceNumber, 0) ? 0 : subSequenceOf(position) + 1;
  const lastIndex = until === undefined || until >= end ? entries - 1 : subSequenceOf(until);
  const count = lastIndex - firstIndex + 1;
  const after = (index: number): Position => (index >= entries - 1 ? end : positionOf(sequenceNumber, index));
  const tried = rejected >= MOST_REJECTED ? 1 : Math.floor(count / 2);
  if (count > 1) return { doing: 'working', to: after(firstIndex + tried - 1) };
  return { doing: deaths >= MOST_DEATHS ? 'rejecting event' : 'working', to: after(firstIndex) };
}

function lesser(one: Position, other: Position): Position {
  return one < other ? one : other;
}
