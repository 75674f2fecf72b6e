import type { Start } from './pipelines/pipeline.ts';
import type { StepPlan } from './pipelines/plan.ts';
import type { StreamPlan } from './pipelines/streams.ts';

/** How much time and memory a function has. Lambda gives it a processor's share by memory: a whole one at 1,769 MB. */
export interface Limits {
  readonly timeoutSeconds: number;
  readonly memoryMb: number;
}

/**
 * By what calls the step, on AWS and on a laptop alike. No concurrency is reserved for any: a mapping runs a step once
 * for each shard, a schedule once in its interval, a queue as often as there are lanes. A reservation would be taken
 * away from the account's other functions all the time, and an account that is new has none to give.
 */
export const LIMITS: Readonly<Record<StepPlan['delivery'], Limits>> = {
  // A batch is at most 6 MB, and its time goes into waiting for others: for the log, a database.
  continuous: { timeoutSeconds: 5 * 60, memoryMb: 1_024 },
  // Two slices at a time in memory; what is left after the longest time that Lambda gives is the next run's.
  scheduled: { timeoutSeconds: 15 * 60, memoryMb: 1_769 },
  // Longer than most files take; what is not finished goes back to the queue. Not longer, because a message whose
  // function died stays hidden for several times as long.
  queue: { timeoutSeconds: 5 * 60, memoryMb: 1_024 },
  // A caller waits for the reply. A throttled stream is answered with 429 long before.
  request: { timeoutSeconds: 30, memoryMb: 512 },
};

/**
 * How every continuous step is fed. Lambda's defaults (retry a bad record until it expires, then forget it) lose
 * events. `deadLetters` is the ARN of the bucket.
 */
export function mappingSettings(input: { readonly stream: StreamPlan; readonly start: Start }, deadLetters: string) {
  return {
    ...startingPositionOf(input.start),
    // The most. A batch ends at 6 MB anyway, and the more events it has, the fewer requests an event takes.
    batchSize: 10_000,
    // A record holds events of many keys: several batches of a shard at once would be out of order.
    parallelizationFactor: 1,
    functionResponseTypes: ['ReportBatchItemFailures' as const],
    // What kills the function is found by halving, and does not take its neighbours with it.
    bisectBatchOnFunctionError: true,
    // The destination may be down for hours. The record's age is the only end.
    maximumRetryAttempts: -1,
    maximumRecordAgeInSeconds: maximumRecordAgeOf(input.stream) * 3_600,
    // S3 keeps the payload; the other destinations get only a pointer to it.
    destinationConfig: { onFailure: { destination: deadLetters } },
  };
}

const STARTING_POSITIONS = { earliest: 'TRIM_HORIZON', latest: 'LATEST' } as const;

function startingPositionOf(start: Start) {
  return start instanceof Date
    ? { startingPosition: 'AT_TIMESTAMP' as const, startingPositionTimestamp: start.getTime() / 1_000 }
    : { startingPosition: STARTING_POSITIONS[start] };
}

/**
 * Before it is trimmed away, a record that nothing could be done with is stored: the margin is for a mapping that lags
 * itself.
 */
const MARGIN_HOURS = 4;
const LONGEST_HOURS = 7 * 24;
/** The least that a stream has. */
const UNKNOWN_RETENTION_HOURS = 24;

function maximumRecordAgeOf(stream: StreamPlan): number {
  const retentionHours = stream.kind === 'own' ? stream.retentionHours : UNKNOWN_RETENTION_HOURS;
  return Math.min(retentionHours - MARGIN_HOURS, LONGEST_HOURS);
}
