import { Duration } from 'aws-cdk-lib';
import { type IMetric, Metric } from 'aws-cdk-lib/aws-cloudwatch';
import type { StepCounts } from '../../functions/runtime/metrics.ts';
import type { Names } from '../names.ts';
import type { StepPlan } from '../pipelines/plan.ts';
import type { StreamPlan } from '../pipelines/streams.ts';
import { streamNameOf } from './stream-names.ts';

/** The namespace that functions/runtime/metrics.ts writes to. */
const NAMESPACE = 'Millrace';

type Statistic = 'Sum' | 'Maximum' | 'Minimum';

export const FIVE_MINUTES = Duration.minutes(5);

/** Returns the metric of a step's failures: a filter counts its log lines of level error. */
export function failuresOf(step: StepPlan, names: Names): Metric {
  const dimensionsMap = dimensionsOf(step, names);
  return new Metric({
    namespace: NAMESPACE,
    metricName: 'failures',
    dimensionsMap,
    statistic: 'Sum',
    period: FIVE_MINUTES,
  });
}

/** Returns a metric that a step's function writes into its log. */
export function countOf(
  step: StepPlan,
  names: Names,
  of: readonly [name: keyof StepCounts, statistic: Statistic],
): Metric {
  const [metricName, statistic] = of;
  const dimensionsMap = dimensionsOf(step, names);
  return new Metric({ namespace: NAMESPACE, metricName, dimensionsMap, statistic, period: FIVE_MINUTES });
}

/** The stage is one of them: CloudWatch adds up metrics whose dimensions are the same. */
function dimensionsOf({ pipeline, name: step }: StepPlan, { stage }: Names) {
  return { stage, pipeline, step };
}

/** Returns one of Lambda's metrics of a step's function. */
export function functionMetric(
  step: StepPlan,
  names: Names,
  of: readonly [name: string, statistic: Statistic],
): Metric {
  const [metricName, statistic] = of;
  const dimensionsMap = { FunctionName: names.step(step.pipeline, step.name) };
  return new Metric({ namespace: 'AWS/Lambda', metricName, dimensionsMap, statistic, period: FIVE_MINUTES });
}

/** Returns one of Lambda's metrics of a mapping of a stream. */
export function mappingMetric(mappingId: string, metricName: string): Metric {
  const dimensionsMap = { EventSourceMappingUUID: mappingId };
  return new Metric({ namespace: 'AWS/Lambda', metricName, dimensionsMap, statistic: 'Sum', period: FIVE_MINUTES });
}

/** Returns one of Kinesis's metrics of a stream. */
export function streamMetric(
  stream: StreamPlan,
  names: Names,
  of: readonly [name: string, statistic: Statistic],
): Metric {
  const [metricName, statistic] = of;
  const name = streamNameOf(stream, names);
  const dimensionsMap = { StreamName: name.includes(':stream/') ? (name.split(':stream/')[1] as string) : name };
  return new Metric({ namespace: 'AWS/Kinesis', metricName, dimensionsMap, statistic, period: FIVE_MINUTES });
}

/** Returns one of RDS's metrics of the stage's own database. */
export function databaseMetric(names: Names, of: readonly [name: string, statistic: Statistic]): Metric {
  const [metricName, statistic] = of;
  const dimensionsMap = { DBInstanceIdentifier: names.database };
  return new Metric({ namespace: 'AWS/RDS', metricName, dimensionsMap, statistic, period: FIVE_MINUTES });
}

/** Returns one of SQS's metrics of a queue. */
export function queueMetric(queueName: string, metricName: string): Metric {
  const dimensionsMap = { QueueName: queueName };
  return new Metric({ namespace: 'AWS/SQS', metricName, dimensionsMap, statistic: 'Maximum', period: FIVE_MINUTES });
}

/** Returns the metric of the messages that the topic rule of a source could not append. */
export function ruleFailuresOf({ pipeline, name }: StepPlan, names: Names): Metric {
  const dimensionsMap = { RuleName: names.step(pipeline, name).replaceAll('-', '_'), ActionType: 'Kinesis' };
  return new Metric({
    namespace: 'AWS/IoT',
    metricName: 'Failure',
    dimensionsMap,
    statistic: 'Sum',
    period: FIVE_MINUTES,
  });
}

/** Returns the metric of a step's lag. Undefined for a source that answers requests or is pulled: it has none. */
export function lagOf(step: StepPlan, names: Names): IMetric | undefined {
  if (step.delivery === 'continuous') return functionMetric(step, names, ['IteratorAge', 'Maximum']);
  if (step.delivery === 'scheduled') return countOf(step, names, ['lagMillis', 'Maximum']);
  if (step.delivery === 'request' || step.delivery === 'pulled') return undefined;
  return queueMetric(names.step(step.pipeline, step.name), 'ApproximateAgeOfOldestMessage');
}
