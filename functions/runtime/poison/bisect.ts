import type { Attempt, Doing } from '../checkpoints/attempts.ts';
import { endOfRecord, type Position, positionOf, subSequenceOf } from '../position.ts';
import type { LogRecord } from '../record-codec/record.ts';

/** An event is rejected when so many processes, one after the other, have died with it and nothing else. */
export const MOST_DEATHS = 3;

/** So many events rejected one right after the other, and it is not the events. */
export const MOST_REJECTED = 3;

/** Beyond this not even a rejection is tried again: writing the dead letter kills too. */
const HOPELESS_DEATHS = 2 * MOST_DEATHS;

/** What is known of a shard, at its position, when a process comes to it. */
export interface Suspicion {
  /** A process has died with what comes after the position, up to here. Undefined: nothing is suspected. */
  readonly until: Position | undefined;
  /** So many, one after the other, have died with just that. 0: with more than that. */
  readonly deaths: number;
  /** So many, the last ones, have not even decoded the one record that it is in. */
  readonly undecoded: number;
  readonly sinceMillis: number | undefined;
  readonly lastMillis: number | undefined;
  /** Events right before the position that were rejected because they killed. */
  readonly rejected: number;
  /** What the last process did that was here, when it got no further. */
  readonly last: { readonly doing: Doing; readonly to: Position; readonly died: boolean } | undefined;
}

const NONE: Suspicion = {
  until: undefined,
  deaths: 0,
  undecoded: 0,
  sinceMillis: undefined,
  lastMillis: undefined,
  rejected: 0,
  last: undefined,
};

/** What follows from the attempt that was written down last. */
export function suspicionOf(
  attempt: Attempt | undefined,
  at: { readonly position: Position; readonly generation: string; readonly process: string },
): Suspicion {
  if (attempt === undefined || attempt.generation !== at.generation) return NONE;
  if (at.position < attempt.from || at.position > attempt.to) return NONE;
  return at.position === attempt.from ? afterNothing(attempt, at.process) : afterProgress(attempt, at.position);
}

/**
 * The position is where the attempt began: it died, unless it said otherwise. The same process asking has lived,
 * whatever it said.
 */
function afterNothing(attempt: Attempt, process: string): Suspicion {
  const { doing, to, until, deaths, undecoded, rejected, sinceMillis, begunMillis } = attempt;
  const died = doing !== 'holding' && !attempt.survived && attempt.by !== process;
  const last = { doing, to, died };
  if (!died) return { until, deaths, undecoded, sinceMillis, lastMillis: begunMillis, rejected, last };
  const again = deaths > 0 && until === to;
  return {
    until: to,
    deaths: again ? deaths + 1 : 1,
    undecoded: doing === 'decoding' ? undecoded + 1 : 0,
    sinceMillis: again ? sinceMillis : begunMillis,
    lastMillis: begunMillis,
    rejected,
    last,
  };
}

/** The position has moved: the suspects are what is left behind it. */
function afterProgress({ doing, to, until, rejected }: Attempt, position: Position): Suspicion {
  if (doing.startsWith('rejecting') && position === to) return { ...NONE, rejected: rejected + 1 };
  return until === undefined || position >= until ? NONE : { ...NONE, until };
}

/** What to do next, up to where, and with which record where it is about one. */
export interface NextTry {
  readonly doing: Doing;
  readonly to: Position;
}

/**
 * Half of what is suspected, and half of that, until it is one event: records are told apart without being decoded, the
 * events of the last record by their number, which is known once it was decoded. `waiting` begins with the record after
 * or around the position.
 */
export function nextTry(
  suspicion: Suspicion,
  waiting: readonly LogRecord[],
  known: { readonly position: Position; readonly entries: number | undefined },
): NextTry {
  const { deaths, until, last } = suspicion;
  const [first] = waiting;
  if (first === undefined) throw new RangeError('there is nothing to try');
  const all: NextTry = { doing: 'working', to: endOfRecord((waiting.at(-1) as LogRecord).sequenceNumber) };
  if (last?.doing === 'holding') return { doing: 'holding', to: last.to };
  if (until === undefined) return all;
  if (last?.doing.startsWith('rejecting')) {
    return deaths >= HOPELESS_DEATHS ? { doing: 'holding', to: last.to } : { doing: last.doing, to: last.to };
  }
  const suspects = waiting.filter(({ sequenceNumber }) => positionOf(sequenceNumber, 0) <= until);
  if (suspects.length === 0) return all;
  if (suspects.length > 1) {
    const half = suspects[Math.floor(suspects.length / 2) - 1] as LogRecord;
    return { doing: 'working', to: endOfRecord(half.sequenceNumber) };
  }
  return nextInRecord(suspicion, first, known);
}

function nextInRecord(
  { deaths, undecoded, until, rejected }: Suspicion,
  { sequenceNumber }: LogRecord,
  { position, entries }: { readonly position: Position; readonly entries: number | undefined },
): NextTry {
  const end = endOfRecord(sequenceNumber);
  const reject = (doing: 'rejecting event' | 'rejecting record', to: Position): NextTry => ({
    doing: rejected >= MOST_REJECTED ? 'holding' : doing,
    to,
  });
  if (entries === undefined) {
    // Others have died of one event in it: that is no reason to reject all of it.
    return undecoded >= MOST_DEATHS
      ? reject('rejecting record', end)
      : { doing: 'decoding', to: lesser(end, until ?? end) };
  }
  const firstIndex = position < positionOf(sequenceNumber, 0) ? 0 : subSequenceOf(position) + 1;
  const lastIndex = until === undefined || until >= end ? entries - 1 : subSequenceOf(until);
  const count = lastIndex - firstIndex + 1;
  const after = (index: number): Position => (index >= entries - 1 ? end : positionOf(sequenceNumber, index));
  if (count > 1) return { doing: 'working', to: after(firstIndex + Math.floor(count / 2) - 1) };
  return deaths >= MOST_DEATHS
    ? reject('rejecting event', after(firstIndex))
    : { doing: 'working', to: after(firstIndex) };
}

function lesser(one: Position, other: Position): Position {
  return one < other ? one : other;
}
