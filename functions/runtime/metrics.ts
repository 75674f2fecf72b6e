/**
 * What one invocation did with one shard or item: the values of a line in CloudWatch's Embedded Metric Format. Lambda's
 * log is the only transport (CloudWatch User Guide, "Embedded metric format specification"). Never contains an event's
 * data.
 */
export interface StepCounts {
  readonly eventsIn: number;
  readonly eventsOut: number;
  readonly rejected: number;
  readonly alreadySeen: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
  /**
   * The age of the newest record in the log, from its arrival to now; of a table that has left the records unprocessed,
   * the age of the oldest. Undefined when there was no record.
   */
  readonly lagMillis?: number;
  /**
   * Of a step that knows the time: how far the shard's watermark is behind now. Undefined before the first tick; 0
   * while a table is being made again, when its time has to stand still.
   */
  readonly watermarkLagMillis?: number;
  /** Of a table with final windows: for how long the oldest open one should have been closed. */
  readonly overdueMillis?: number;
  /** Of a source that follows a database: how much of its log the database keeps for the source. */
  readonly logKeptBytes?: number;
  /** How long it may go on so before changes are lost. */
  readonly logLeftMillis?: number;
  readonly durationMillis: number;
}

/** The counts of a call that has processed nothing. */
export const NOTHING_DONE: StepCounts = {
  eventsIn: 0,
  eventsOut: 0,
  rejected: 0,
  alreadySeen: 0,
  bytesIn: 0,
  bytesOut: 0,
  durationMillis: 0,
};

const UNITS: Record<keyof StepCounts, 'Count' | 'Bytes' | 'Milliseconds'> = {
  eventsIn: 'Count',
  eventsOut: 'Count',
  rejected: 'Count',
  alreadySeen: 'Count',
  bytesIn: 'Bytes',
  bytesOut: 'Bytes',
  lagMillis: 'Milliseconds',
  watermarkLagMillis: 'Milliseconds',
  overdueMillis: 'Milliseconds',
  logKeptBytes: 'Bytes',
  logLeftMillis: 'Milliseconds',
  durationMillis: 'Milliseconds',
};

export interface MetricsOf {
  readonly stage: string;
  readonly pipeline: string;
  readonly step: string;
  readonly shard: string;
}

export function metricsLine(of: MetricsOf, counts: StepCounts, nowMillis: number): string {
  const metrics = Object.entries(UNITS).flatMap(([Name, Unit]) =>
    counts[Name as keyof StepCounts] === undefined ? [] : [{ Name, Unit }],
  );
  return JSON.stringify({
    _aws: {
      Timestamp: nowMillis,
      CloudWatchMetrics: [{ Namespace: 'Millrace', Dimensions: [['stage', 'pipeline', 'step']], Metrics: metrics }],
    },
    ...of,
    ...counts,
  });
}

export function logError(of: MetricsOf, error: unknown): string {
  return JSON.stringify({ level: 'error', ...of, error: describe(error) });
}

function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const cause = error.cause instanceof Error ? ` (${error.cause.name}: ${error.cause.message})` : '';
  return `${error.name}: ${error.message}${cause}`;
}
