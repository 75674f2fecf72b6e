import { Duration } from 'aws-cdk-lib';
import { CfnEventSourceMapping } from 'aws-cdk-lib/aws-lambda';
import { Construct } from 'constructs';
import type { Start } from '../pipelines/pipeline.ts';
import type { SinkPlan, TransformPlan } from '../pipelines/plan.ts';
import type { StreamPlan } from '../pipelines/streams.ts';
import { StepFunction, type StepFunctionProps } from './step-function.ts';
import { streamArnOf } from './stream-names.ts';

/**
 * A continuous step: a function behind a mapping of its stream. The only construct that makes a mapping of a stream, because its
 * defaults (retry a bad record until it expires, then forget it) lose events.
 */
export class StreamFunction extends Construct {
  constructor(scope: Construct, id: string, props: StepFunctionProps<TransformPlan | SinkPlan>) {
    super(scope, id);
    const { step, surroundings } = props;
    const { names } = surroundings;
    // A batch is at most 6 MB, and its time goes into waiting for others: for the log, a database.
    const limits = { timeout: Duration.minutes(5), memorySize: 1_024 };
    const { functionName } = new StepFunction(this, 'Step', { ...props, limits });
    new CfnEventSourceMapping(this, 'Mapping', {
      functionName,
      eventSourceArn: streamArnOf(step.input.stream, names),
      ...startingPositionOf(step.input.start),
      // The most. A batch ends at 6 MB anyway, and the more events it has, the fewer requests an event takes.
      batchSize: 10_000,
      // A record holds events of many keys: several batches of a shard at once would be out of order.
      parallelizationFactor: 1,
      functionResponseTypes: ['ReportBatchItemFailures'],
      // What kills the function is found by halving, and does not take its neighbours with it.
      bisectBatchOnFunctionError: true,
      // The destination may be down for hours. The record's age is the only end.
      maximumRetryAttempts: -1,
      maximumRecordAgeInSeconds: maximumRecordAgeOf(step.input.stream).toSeconds(),
      // S3 keeps the payload; the other destinations get only a pointer to it.
      destinationConfig: { onFailure: { destination: names.bucketArnOf(names.deadLetters) } },
    });
  }
}

const STARTING_POSITIONS = { earliest: 'TRIM_HORIZON', latest: 'LATEST' } as const;

function startingPositionOf(start: Start) {
  return start instanceof Date
    ? { startingPosition: 'AT_TIMESTAMP', startingPositionTimestamp: start.getTime() / 1_000 }
    : { startingPosition: STARTING_POSITIONS[start] };
}

/** Before it is trimmed away, a record that nothing could be done with is stored: the margin is for a mapping that lags itself. */
const MARGIN = Duration.hours(4);
const LONGEST_AGE = Duration.days(7);
/** The least that a stream has. */
const UNKNOWN_RETENTION_HOURS = 24;

function maximumRecordAgeOf(stream: StreamPlan): Duration {
  const retentionHours = stream.kind === 'own' ? stream.retentionHours : UNKNOWN_RETENTION_HOURS;
  return Duration.hours(Math.min(retentionHours - MARGIN.toHours(), LONGEST_AGE.toHours()));
}
