import { type Batch, openBatch } from '../batches/batch.ts';
import type { ShardInput } from '../batches/shard-input.ts';
import type { BegunAttempt, StoredAttempt } from '../checkpoints/attempts.ts';
import type { LoadedState } from '../checkpoints/shard-states.ts';
import { StaleCheckpoint } from '../errors.ts';
import { endOfRecord, type Position, positionOf, START_OF_SHARD } from '../position.ts';
import { decodeRecord } from '../record-codec/decode.ts';
import type { LogRecord } from '../record-codec/record.ts';
import { rejectionOf } from '../rejection.ts';
import type { Step } from '../step.ts';
import { MOST_REJECTED, type NextTry, nextTry, type Suspicion, suspicionOf } from './bisect.ts';

/** A step at one shard, and records of it that follow its position or are around it. */
export interface Trial {
  readonly step: Step;
  readonly shard: ShardInput;
  /** Shown to people. */
  readonly shardId: string;
  readonly records: readonly LogRecord[];
  /** There is nothing after the records yet. */
  readonly isAll?: boolean;
  /**
   * Nothing is begun after it, milliseconds since 1970: what the end of the function's time cuts off looks like a
   * death.
   */
  readonly beginBy?: number;
  readonly signal: AbortSignal;
  /**
   * Makes the batch durable and commits it. It may say `dataHandled` when all that depends on what is in the events has
   * been done, and only others are waited for: a process that dies from then on has not died of them.
   */
  readonly work: (batch: Batch, dataHandled: () => Promise<void>) => Promise<{ readonly loaded: LoadedState }>;
}

export interface Tried {
  readonly loaded: LoadedState;
  /** The first record that is not wholly done: there is more to try. Undefined: all of them are done. */
  readonly left: LogRecord | undefined;
}

/**
 * Works on a shard's records, all of them at once unless processes have died with them. A process that dies says
 * nothing: so each but the last that moved the shard writes down beforehand what it begins, and what the next one finds
 * there and not done has killed its predecessor. Then less and less is tried at a time, until one event is left, which
 * is rejected. Failures that a process lives through count for nothing: they are the world's.
 */
export async function tryRecords(trial: Trial): Promise<Tried> {
  const { step, shard, records, signal, work } = trial;
  const position = positionOfShard(shard);
  if (step.attempts.isSteady(shard.key, position)) {
    return step.lock.shared(async () => {
      const batch = openBatch(shard.loaded.state, shard.facts);
      for (const record of records) batch.take(record);
      return moved(trial, await work(batch, nothing), undefined);
    });
  }
  const waiting = records.filter(({ sequenceNumber }) => endOfRecord(sequenceNumber) > position);
  if (waiting.length === 0) {
    const { loaded } = await work(openBatch(shard.loaded.state, shard.facts), nothing);
    return { loaded, left: undefined };
  }
  const { stored, suspicion } = await suspicionAt(step, shard, signal);
  const last = endOfRecord((waiting.at(-1) as LogRecord).sequenceNumber);
  const isEnd = trial.isAll === true && suspicion.until !== undefined && suspicion.until > last;
  const next = { ...trial, position, waiting, suspicion: isEnd ? { ...suspicion, until: last } : suspicion };
  const trying = () =>
    step.now() < (trial.beginBy ?? Number.POSITIVE_INFINITY)
      ? tryNext(next, stored)
      : Promise.resolve({ loaded: shard.loaded, left: waiting[0] });
  return suspicion.until === undefined ? step.lock.shared(trying) : step.lock.exclusive(trying);
}

/** What the attempt that is stored says about what comes next in the shard. */
export async function suspicionAt(
  step: Step,
  shard: ShardInput,
  signal: AbortSignal,
): Promise<{ readonly stored: StoredAttempt; readonly suspicion: Suspicion }> {
  const stored = await step.attempts.load(shard.key, signal);
  const { process } = step.attempts;
  const at = { position: positionOfShard(shard), generation: generationOf(step, shard), process };
  return { stored, suspicion: suspicionOf(stored.attempt, at) };
}

export function positionOfShard({ loaded }: Pick<ShardInput, 'loaded'>): Position {
  return loaded.state.position ?? START_OF_SHARD;
}

/** Changed code may live where the old one died, and after a rewind all begins anew. */
function generationOf({ config }: Step, { loaded }: ShardInput): string {
  return `${config.generation}.${loaded.state.rewinds ?? 0}`;
}

const nothing = (): Promise<void> => Promise.resolve();

interface NonSteady extends Trial, Suspected {
  readonly position: Position;
  readonly waiting: readonly LogRecord[];
}

/** A shard, and what is suspected of it. */
export interface Suspected {
  readonly step: Step;
  readonly shard: ShardInput;
  readonly shardId: string;
  readonly suspicion: Suspicion;
}

async function tryNext(trial: NonSteady, stored: StoredAttempt): Promise<Tried> {
  const { step, shard, position, waiting, signal } = trial;
  let { suspicion } = trial;
  let begun: BegunAttempt | undefined;
  try {
    let next = nextTry(suspicion, waiting, { position, entries: undefined });
    if (next.doing === 'decoding') {
      begun = beginning(trial, stored, next);
      await step.attempts.begin(shard.key, begun, signal);
      const { entries } = decodeRecord(waiting[0] as LogRecord, { name: shard.facts.stream });
      // It decodes: whatever processes have died of before, it was not that.
      suspicion = { ...suspicion, undecoded: 0 };
      next = nextTry(suspicion, waiting, { position, entries: entries.length });
    }
    if (next.doing === 'holding' && stored.attempt?.doing === 'holding') throw new Error(whyHeld(trial));
    const trying = beginning({ ...trial, suspicion }, begun ?? stored, next);
    begun = trying;
    await step.attempts.begin(shard.key, trying, signal);
    if (next.doing === 'holding') throw new Error(whyHeld(trial));
    const batch = next.doing === 'working' ? taken(trial, next.to) : rejected(trial, next);
    const done = await trial.work(batch, () => step.attempts.survive(shard.key, trying, trial.signal));
    // It does not stop the step; but nobody else says that the function dies.
    if (next.doing !== 'working') step.complain(trial.shardId, new Error(whyRejected(suspicion)));
    return moved(trial, done, trying.attempt.until);
  } catch (error) {
    if (begun !== undefined) await survived(trial, begun, error);
    throw error;
  }
}

/** What is written down before it: whoever finds it and the position unmoved knows that this process has died of it. */
export function beginning(
  { step, shard, suspicion }: Suspected,
  previous: StoredAttempt,
  { doing, to }: NextTry,
): BegunAttempt {
  const begunMillis = step.now();
  const { deaths, undecoded, until, sinceMillis = begunMillis, rejected } = suspicion;
  return step.attempts.next(previous, {
    generation: generationOf(step, shard),
    from: positionOfShard(shard),
    to,
    doing,
    ...(until === undefined ? {} : { until }),
    deaths,
    undecoded,
    sinceMillis,
    begunMillis,
    rejected,
  });
}

/** The invocation keeps 1.5 s back, and neither this nor giving back a lease after it is to be cut off by its end. */
const SURVIVE_MILLIS = 700;

/**
 * What went wrong is thrown anyway; that this could not be said either may cost an innocent event one of its three
 * lives, and no more. Nothing is taken back when another process has moved on: what is stored by now is its.
 */
export async function survived({ step, shard }: Suspected, begun: BegunAttempt, error: unknown): Promise<void> {
  if (error instanceof StaleCheckpoint) return;
  await step.attempts.survive(shard.key, begun, AbortSignal.timeout(SURVIVE_MILLIS)).catch(() => undefined);
}

function taken({ shard, waiting }: NonSteady, to: Position): Batch {
  const batch = openBatch(shard.loaded.state, shard.facts);
  for (const record of waiting) {
    if (positionOf(record.sequenceNumber, 0) > to) break;
    batch.take(record, to);
  }
  return batch;
}

/** A batch that has nothing but the rejection: of the one event up to `to`, or of the record around it. */
function rejected(trial: NonSteady, { doing, to }: NextTry): Batch {
  const { shard, waiting, suspicion } = trial;
  const record = waiting[0] as LogRecord;
  const batch = openBatch(shard.loaded.state, shard.facts);
  const refusal = { reason: 'killed' as const, message: whyRejected(suspicion) };
  if (doing === 'rejecting record') {
    batch.refuse(record, { at: endOfRecord(record.sequenceNumber), ...refusal, bytes: record.data });
    return batch;
  }
  batch.take(record, to);
  batch.rejections.push(...batch.events.splice(0).map((event) => rejectionOf(event, refusal)));
  return batch;
}

/** When and how often are in the attempts: told again, it is the same message. */
function whyRejected({ deaths, sinceMillis = 0, lastMillis = 0 }: Suspicion): string {
  return (
    `the function died ${deaths} times in a row with nothing but this, from ${timeOf(sinceMillis)} to ${timeOf(lastMillis)}: ` +
    'out of memory, or busy until its time was over'
  );
}

export function whyHeld({ suspicion, shard, shardId }: Suspected): string {
  const { deaths, rejected, lastMillis = 0 } = suspicion;
  const what =
    rejected >= MOST_REJECTED
      ? `${rejected} events in a row were rejected because they killed the function, and the next one does, too`
      : `the function died ${deaths} times in a row with what comes next, which cannot be rejected`;
  return (
    `the step holds ${shardId} at ${positionOfShard(shard)} since ${timeOf(lastMillis)}: ${what}; look at the function's code, memory and ` +
    'time, and deploy it changed: then it goes on by itself'
  );
}

function timeOf(millis: number): string {
  return new Date(millis).toISOString();
}

function moved(trial: Trial, { loaded }: { readonly loaded: LoadedState }, until: Position | undefined): Tried {
  const { step, shard, records } = trial;
  const position = positionOfShard({ loaded });
  step.attempts.moved(shard.key, { position, until });
  const isLeft = ({ sequenceNumber }: LogRecord): boolean => endOfRecord(sequenceNumber) > position;
  const last = records.at(-1);
  return { loaded, left: last !== undefined && isLeft(last) ? records.find(isLeft) : undefined };
}
