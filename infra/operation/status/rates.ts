import { type CloudWatchClient, GetMetricDataCommand, type MetricDataQuery } from '@aws-sdk/client-cloudwatch';
import type { StepPlan } from '../../pipelines/plan.ts';

/** How many events a step takes and makes. */
export interface StepRate {
  readonly pipeline: string;
  readonly step: string;
  /** Events a second. */
  readonly eventsIn: number;
  readonly eventsOut: number;
}

export interface Rates {
  readonly steps: readonly StepRate[];
  /** The time that the rates are averages of, at most. 0: too little has passed to know any. */
  readonly overSeconds: number;
}

/** Where the rates of steps come from. */
export interface RateReader {
  /** The pause between two reads. */
  readonly everyMillis: number;
  read(steps: readonly StepPlan[], signal: AbortSignal): Promise<Rates>;
}

/** The namespace that functions/runtime/metrics.ts writes to. */
const NAMESPACE = 'Millrace';
const MINUTE_MILLIS = 60_000;
const MINUTES = 5;
/** What GetMetricData takes in one request (CloudWatch API Reference, GetMetricData). */
const MOST_QUERIES = 500;

/**
 * Reads the rates of a stage from the metrics that its functions write: averages of five whole minutes, which end a
 * minute ago, because CloudWatch makes metrics of a log some seconds later. Each read of a step is two metrics, of
 * which AWS bills 1,000 at $0.01.
 */
export function cloudWatchRates(cloudwatch: CloudWatchClient, stage: string): RateReader {
  return {
    everyMillis: MINUTE_MILLIS,
    async read(steps, signal) {
      const queries = steps.flatMap((step, index) => [
        queryOf(`in${index}`, 'eventsIn', { stage, step }),
        queryOf(`out${index}`, 'eventsOut', { stage, step }),
      ]);
      const sums = await sumsOf(cloudwatch, queries, signal);
      const overSeconds = (MINUTES * MINUTE_MILLIS) / 1_000;
      const rate = (id: string): number => (sums.get(id) ?? 0) / overSeconds;
      return {
        overSeconds,
        steps: steps.map(({ pipeline, name }, index) => ({
          pipeline,
          step: name,
          eventsIn: rate(`in${index}`),
          eventsOut: rate(`out${index}`),
        })),
      };
    },
  };
}

function queryOf(
  Id: string,
  MetricName: 'eventsIn' | 'eventsOut',
  { stage, step }: { readonly stage: string; readonly step: StepPlan },
): MetricDataQuery {
  const dimensions = { stage, pipeline: step.pipeline, step: step.name };
  const Dimensions = Object.entries(dimensions).map(([Name, Value]) => ({ Name, Value }));
  return {
    Id,
    MetricStat: {
      Metric: { Namespace: NAMESPACE, MetricName, Dimensions },
      Period: MINUTE_MILLIS / 1_000,
      Stat: 'Sum',
    },
  };
}

/** Adds up the values of each query, by its id. A metric without values in that time is 0. */
async function sumsOf(
  cloudwatch: CloudWatchClient,
  queries: readonly MetricDataQuery[],
  abortSignal: AbortSignal,
): Promise<ReadonlyMap<string, number>> {
  const end = Math.floor(Date.now() / MINUTE_MILLIS - 1) * MINUTE_MILLIS;
  const EndTime = new Date(end);
  const StartTime = new Date(end - MINUTES * MINUTE_MILLIS);
  const sums = new Map<string, number>();
  for (let first = 0; first < queries.length; first += MOST_QUERIES) {
    const MetricDataQueries = queries.slice(first, first + MOST_QUERIES);
    let NextToken: string | undefined;
    do {
      const command = new GetMetricDataCommand({ MetricDataQueries, StartTime, EndTime, NextToken });
      const answer = await cloudwatch.send(command, { abortSignal });
      for (const { Id = '', Values = [] } of answer.MetricDataResults ?? [])
        sums.set(
          Id,
          Values.reduce((sum, value) => sum + value, sums.get(Id) ?? 0),
        );
      NextToken = answer.NextToken;
    } while (NextToken !== undefined);
  }
  return sums;
}
