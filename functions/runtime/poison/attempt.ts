import { positionOfShard, type ShardInput } from '../batches/shard-input.ts';
import type { BegunAttempt, StoredAttempt } from '../checkpoints/attempts.ts';
import type { LoadedState } from '../checkpoints/shard-states.ts';
import { StaleCheckpoint } from '../errors.ts';
import type { Step } from '../step.ts';
import { type NextAttempt, type PoisonSearch, searchAfter } from './bisect.ts';

/**
 * Tells whether this process itself has brought the shard to its position, and no poison record is known after that.
 * Then nothing is written down before a batch: a process can die only once, and the next process writes down what it
 * begins.
 */
export function isSteady(step: Step, shard: ShardInput): boolean {
  return step.attempts.isSteady(shard.key, positionOfShard(shard));
}

/** Remembers that this process has brought the shard to its committed position. */
export function noteSteady(step: Step, key: string, loaded: LoadedState): void {
  step.attempts.moved(key, { position: positionOfShard({ loaded }), until: undefined });
}

/** A shard, and how far the search for a poison record has come in it. */
export interface ShardSearch {
  readonly step: Step;
  readonly shard: ShardInput;
  /** The shard's id as people know it. */
  readonly shardId: string;
  readonly search: PoisonSearch;
}

/** Loads the last attempt at a shard, and derives the search from it. */
export async function loadSearch(
  step: Step,
  shard: ShardInput,
  signal: AbortSignal,
): Promise<{ readonly stored: StoredAttempt; readonly search: PoisonSearch }> {
  const stored = await step.attempts.load(shard.key, signal);
  const { process } = step.attempts;
  const at = { position: positionOfShard(shard), generation: generationOf(step, shard), process };
  return { stored, search: searchAfter(stored.attempt, at) };
}

/**
 * Returns what an attempt is valid for: changed code may survive what the old code died of, and a rewind starts over.
 */
function generationOf({ config }: Step, { loaded }: ShardInput): string {
  return `${config.generation}.${loaded.state.rewinds ?? 0}`;
}

/**
 * Describes the next attempt, to be stored before it begins. A process that finds the attempt, and the position where
 * the attempt began, knows that the process before it has died.
 */
export function attemptAt(
  { step, shard, search }: ShardSearch,
  previous: StoredAttempt,
  { doing, to }: NextAttempt,
): BegunAttempt {
  const begunMillis = step.now();
  const { deaths, undecoded, until, sinceMillis = begunMillis, rejected } = search;
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

/** The invocation keeps 1.5 s in reserve. This call, and the release of a lease after it, have to fit into that. */
const SURVIVED_MILLIS = 700;

/**
 * Stores that an attempt failed with an error and its process survived, so the attempt does not count as a death. Does
 * nothing when another process has moved on, because the stored attempt is that process's by now. Ignores its own
 * failure: then an innocent event is blamed for one of three deaths, and the caller throws the error anyway.
 */
export async function noteSurvived(
  { step, shard }: Pick<ShardSearch, 'step' | 'shard'>,
  begun: BegunAttempt,
  error: unknown,
): Promise<void> {
  if (error instanceof StaleCheckpoint) return;
  await step.attempts.survive(shard.key, begun, AbortSignal.timeout(SURVIVED_MILLIS)).catch(() => undefined);
}

/** Says why an event or a record was rejected. Its figures come from the stored attempt, so a retry says the same. */
export function whyRejected({ deaths, sinceMillis = 0, lastMillis = 0 }: PoisonSearch): string {
  return (
    `the function died ${deaths} times in a row with nothing but this, from ${timeOf(sinceMillis)} to ${timeOf(lastMillis)}: ` +
    'out of memory, or busy until its time was over'
  );
}

/** Says why the step waits before it goes on with a shard, until when, and what to do. */
export function whyWaiting({ search, shard, shardId }: ShardSearch, untilMillis: number): string {
  const { deaths, rejected } = search;
  const what =
    search.last === undefined
      ? `${rejected} events in a row were rejected because they killed the function, and the next one is tried alone`
      : `the function died ${deaths} times in a row, and died again while it only rejected the record`;
  return (
    `the step waits until ${timeOf(untilMillis)} before it goes on with ${shardId} at ${positionOfShard(shard)}: ${what}; check the ` +
    "function's code, memory and timeout, and deploy a changed version: it continues at once"
  );
}

/** Says why the step does not try a range that it has fixed, and what to do. */
export function whyHeld({ search, shard, shardId }: ShardSearch): string {
  const { deaths, lastMillis = 0 } = search;
  return (
    `the step holds ${shardId} at ${positionOfShard(shard)} since ${timeOf(lastMillis)}: the function died ${deaths} times in a row with ` +
    "what comes next, which cannot be rejected; check the function's code, memory and timeout, and deploy a changed version: the step " +
    'then continues by itself'
  );
}

function timeOf(millis: number): string {
  return new Date(millis).toISOString();
}
