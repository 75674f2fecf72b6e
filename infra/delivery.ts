import { HOURS_BEFORE_TRIM } from '../functions/runtime/delivery/expiring.ts';
import { LANES } from '../functions/runtime/items/lanes.ts';
import type { SourcePlan, StepPlan } from './pipelines/plan.ts';
import type { Start } from './pipelines/steps.ts';

/** A function's time and memory. Lambda gives CPU in proportion to memory: one whole processor at 1,769 MB. */
export interface Limits {
  readonly timeoutSeconds: number;
  readonly memoryMb: number;
}

/** The Lambda runtime of every function. */
export const RUNTIME = 'nodejs24.x';

/**
 * The limits of each delivery, on AWS and on a laptop alike. No concurrency is reserved: a mapping runs a step once for
 * each shard, a schedule once in its interval, a queue once for each lane. A reservation would take concurrency from
 * the account's other functions all the time, and a new account has none to spare.
 */
export const LIMITS: Readonly<Record<StepPlan['delivery'], Limits>> = {
  // A batch is at most 6 MB, and most of the time goes into waiting for the log or a database.
  continuous: { timeoutSeconds: 5 * 60, memoryMb: 1_024 },
  // Two slices are in memory at a time. 15 minutes is Lambda's limit: the next run does the rest.
  scheduled: { timeoutSeconds: 15 * 60, memoryMb: 1_769 },
  // A run reads until shortly before its end, and the next run takes over: the longer, the rarer that is.
  pulled: { timeoutSeconds: 15 * 60, memoryMb: 1_024 },
  // Longer than most files take; an unfinished file goes back to the queue. Not longer, because the message of a
  // function that died stays hidden for six times as long.
  queue: { timeoutSeconds: 5 * 60, memoryMb: 1_024 },
  // A caller waits for the reply. When the stream throttles, the reply is 429, long before this.
  request: { timeoutSeconds: 30, memoryMb: 512 },
};

/**
 * Returns the parameters of a continuous step's mapping. Lambda's defaults lose events: they retry a bad record until
 * it expires, then forget it. `deadLetters` is the ARN of the bucket.
 */
export function mappingSettings(input: { readonly start: Start }, deadLetters: string) {
  return {
    ...startingPositionOf(input.start),
    // The maximum. A batch ends at 6 MB anyway, and a larger batch takes fewer requests an event.
    batchSize: 10_000,
    // A record holds events of many keys, so several batches of a shard at once would break their order.
    parallelizationFactor: 1,
    functionResponseTypes: ['ReportBatchItemFailures' as const],
    // Halving finds the record that kills the function, and the others of its batch are delivered.
    bisectBatchOnFunctionError: true,
    // A sink's database may be down for hours.
    maximumRetryAttempts: -1,
    // Lambda does not ask whether the step works, so an age would take records from a step that is only behind. The
    // step itself gives up what it cannot process, in time (functions/runtime/delivery/expiring.ts).
    maximumRecordAgeInSeconds: -1,
    // A bucket gets the payload; a queue or topic would get only a pointer to it.
    destinationConfig: { onFailure: { destination: deadLetters } },
  };
}

/** Returns the parameters of the mapping of a source that reads a queue. */
export function queueMappingSettings() {
  return {
    // One file may take all the time of an invocation.
    batchSize: 1,
    functionResponseTypes: ['ReportBatchItemFailures' as const],
    // As many as a source has lanes: more invocations would only wait for a lane.
    scalingConfig: { maximumConcurrency: LANES },
  };
}

/** Returns the parameters of the mapping that calls the function which makes dead letters of discarded batches. */
export function givenUpMappingSettings() {
  return {
    // How many documents one invocation converts. Together they describe each stream once.
    batchSize: 10,
    // Two, the fewest that Lambda allows: in an outage, the account's concurrency belongs to the steps.
    scalingConfig: { maximumConcurrency: 2 },
  };
}

/**
 * How long a message that was received stays hidden: six times the time-out, as Lambda's documentation recommends. It
 * retries throttled invocations in that time.
 */
export const VISIBILITY_SECONDS = 6 * LIMITS.queue.timeoutSeconds;

/**
 * How often a schedule starts a run of a pulled source that does not say `every`. A run that finds another one at work
 * ends at once. EventBridge Scheduler has no shorter rate.
 */
export const PULL_EVERY_MILLIS = 60_000;

/** Returns how often a pulled source is read. */
export function pullEveryMillis({ every }: Pick<SourcePlan, 'every'>): number {
  return every ?? PULL_EVERY_MILLIS;
}

/** Returns the rate of a schedule, as EventBridge Scheduler writes it. It takes whole minutes. */
export function rateOf(everyMillis: number): string {
  const minutes = everyMillis / 60_000;
  return `rate(${minutes} ${minutes === 1 ? 'minute' : 'minutes'})`;
}

const STARTING_POSITIONS = { earliest: 'TRIM_HORIZON', latest: 'LATEST' } as const;

function startingPositionOf(start: Start) {
  return start instanceof Date
    ? { startingPosition: 'AT_TIMESTAMP' as const, startingPositionTimestamp: start.getTime() / 1_000 }
    : { startingPosition: STARTING_POSITIONS[start] };
}

/**
 * Returns for how long a continuous step may fail to process a record, in milliseconds, before the record is given up.
 */
export function longestWaitMillis(retentionMillis: number): number {
  return retentionMillis - HOURS_BEFORE_TRIM * 3_600_000;
}

/** When the database removes changes that a source has not read earlier than this, an operator has to know. */
export const LOG_LEFT_MILLIS = 24 * 3_600_000;
