import { type Batch, openBatch } from '../batches/batch.ts';
import { positionOfShard, type ShardInput } from '../batches/shard-input.ts';
import type { BegunAttempt, StoredAttempt } from '../checkpoints/attempts.ts';
import type { LoadedState } from '../checkpoints/shard-states.ts';
import { firstUnfinished } from '../log/portion.ts';
import { END_OF_SHARD, endOfRecord, type Position, positionOf } from '../position.ts';
import { decodeRecord } from '../record-codec/decode.ts';
import type { LogRecord } from '../record-codec/record.ts';
import { rejectionOf } from '../rejection.ts';
import type { Step } from '../step.ts';
import { attemptAt, loadSearch, noteSurvived, type ShardSearch, whyRejected, whyWaiting } from './attempt.ts';
import { isSuspect, MOST_REJECTED, type NextAttempt, nextAttempt } from './bisect.ts';
import { waitsUntil } from './waits.ts';

/** Records of one shard to process: those after its position, and perhaps some before it. */
export interface GuardedWork {
  readonly step: Step;
  readonly shard: ShardInput;
  /** The shard's id as people know it. */
  readonly shardId: string;
  readonly records: readonly LogRecord[];
  /** True when the log has nothing after the records yet. */
  readonly isAll?: boolean;
  /**
   * The time after which nothing is begun, in milliseconds since 1970: an attempt that the end of the invocation cuts
   * off looks like a death.
   */
  readonly beginBy?: number;
  readonly signal: AbortSignal;
  /** Makes a batch durable and commits it. Calls `dataHandled` as `Turn` says. */
  readonly process: (batch: Batch, dataHandled: () => Promise<void>) => Promise<{ readonly loaded: LoadedState }>;
}

/** What was processed of the records, as far as the committed state. */
export interface Processed {
  readonly loaded: LoadedState;
  /** The first record that is not completely processed. Undefined: all of them are. */
  readonly unfinished: LogRecord | undefined;
}

/**
 * Processes records of a shard, and finds the poison record among them if there is one. Used where `isSteady` is false.
 *
 * A process that dies cannot report its death. So each process stores what it is about to attempt, and a process that
 * finds an attempt which did not move the position knows that its predecessor died of it. Then smaller and smaller
 * parts of the range are attempted, until one event is left, which is rejected. An error that the process survives does
 * not count: the world caused it, not the event.
 *
 * Throws while the step waits because of several poison events in a row (waits.ts). The mapping or the schedule then
 * calls again, with its own back-off.
 */
export async function processGuarded(work: GuardedWork): Promise<Processed> {
  const { step, shard, records, signal } = work;
  const position = positionOfShard(shard);
  const waiting = records.filter(({ sequenceNumber }) => endOfRecord(sequenceNumber) > position);
  if (waiting.length === 0) {
    const { loaded } = await work.process(openBatch(shard.loaded.state, shard.facts), nothing);
    return { loaded, unfinished: undefined };
  }
  const { stored, search } = await loadSearch(step, shard, signal);
  const waitMillis = waitsUntil(search);
  if (waitMillis !== undefined && step.now() < waitMillis) throw new Error(whyWaiting({ ...work, search }, waitMillis));
  const last = endOfRecord((waiting.at(-1) as LogRecord).sequenceNumber);
  const isEnd = work.isAll === true && search.until !== undefined && search.until > last;
  const next = { ...work, position, waiting, search: isEnd ? { ...search, until: last } : search };
  const attempt = () =>
    step.now() < (work.beginBy ?? Number.POSITIVE_INFINITY)
      ? attemptNext(next, stored)
      : Promise.resolve({ loaded: shard.loaded, unfinished: waiting[0] });
  return isSuspect(search) ? step.lock.exclusive(attempt) : step.lock.shared(attempt);
}

const nothing = (): Promise<void> => Promise.resolve();

interface AttemptWork extends GuardedWork, ShardSearch {
  readonly position: Position;
  readonly waiting: readonly LogRecord[];
}

async function attemptNext(work: AttemptWork, stored: StoredAttempt): Promise<Processed> {
  const { step, shard, position, waiting, signal } = work;
  let { search } = work;
  let begun: BegunAttempt | undefined;
  try {
    let next = nextAttempt(search, waiting, { position, entries: undefined });
    if (next.doing === 'decoding') {
      begun = attemptAt(work, stored, next);
      await step.attempts.begin(shard.key, begun, signal);
      const { entries, ticks } = decodeRecord(waiting[0] as LogRecord, { name: shard.facts.stream });
      // This process has decoded the record, so decoding did not kill the earlier ones.
      search = { ...search, undecoded: 0 };
      next = nextAttempt(search, waiting, { position, entries: entries.length + ticks.length });
    }
    const attempt = attemptAt({ ...work, search }, begun ?? stored, next);
    begun = attempt;
    await step.attempts.begin(shard.key, attempt, signal);
    const batch = next.doing === 'working' ? batchUpTo(work, next.to) : rejectionBatch(work, next);
    const done = await work.process(batch, () => step.attempts.survive(shard.key, attempt, work.signal));
    // A rejection does not stop the step, and nothing else logs that the function died.
    if (next.doing === 'working') return afterAttempt(work, done, attempt.attempt.until);
    step.complain(work.shardId, new Error(whyRejected(search)));
    // The third rejection in a row makes everything after it suspect.
    return afterAttempt(work, done, search.rejected + 1 < MOST_REJECTED ? attempt.attempt.until : END_OF_SHARD);
  } catch (error) {
    if (begun !== undefined) await noteSurvived(work, begun, error);
    throw error;
  }
}

/** Makes a batch of the events up to a position, which may be inside a record, or as many as a portion has. */
function batchUpTo({ shard, waiting }: AttemptWork, to: Position): Batch {
  const batch = openBatch(shard.loaded.state, shard.facts);
  for (const record of waiting) {
    if (positionOf(record.sequenceNumber, 0) > to || batch.isFull()) break;
    batch.take(record, to);
  }
  return batch;
}

/** Makes a batch of nothing but a rejection: of the one event up to `to`, or of the whole record around it. */
function rejectionBatch(work: AttemptWork, { doing, to }: NextAttempt): Batch {
  const { shard, waiting, search } = work;
  const record = waiting[0] as LogRecord;
  const batch = openBatch(shard.loaded.state, shard.facts);
  const cause = { reason: 'killed' as const, message: whyRejected(search) };
  if (doing === 'rejecting record') {
    batch.reject(record, { at: endOfRecord(record.sequenceNumber), ...cause, bytes: record.data });
    return batch;
  }
  batch.take(record, to);
  batch.rejections.push(...batch.events.splice(0).map((event) => rejectionOf(event, cause)));
  return batch;
}

function afterAttempt(
  { step, shard, records }: GuardedWork,
  { loaded }: { readonly loaded: LoadedState },
  until: Position | undefined,
): Processed {
  const position = positionOfShard({ loaded });
  step.attempts.moved(shard.key, { position, until });
  return { loaded, unfinished: firstUnfinished(records, position) };
}
