import { Duration } from 'aws-cdk-lib';
import { type IMetric, Metric } from 'aws-cdk-lib/aws-cloudwatch';
import type { StepCounts } from '../../functions/runtime/metrics.ts';
import type { Names } from '../names.ts';
import type { StepPlan } from '../pipelines/plan.ts';
import type { StreamPlan } from '../pipelines/streams.ts';
import { streamNameOf } from './stream-names.ts';

/** As functions/runtime/metrics.ts writes it. */
const NAMESPACE = 'Millrace';

type Statistic = 'Sum' | 'Maximum' | 'Minimum';

export const FIVE_MINUTES = Duration.minutes(5);

/** The lines of its log in which a step says that something failed, which a filter of the log counts. */
export function failuresOf({ pipeline, name: step }: StepPlan): Metric {
  const dimensionsMap = { pipeline, step };
  return new Metric({
    namespace: NAMESPACE,
    metricName: 'failures',
    dimensionsMap,
    statistic: 'Sum',
    period: FIVE_MINUTES,
  });
}

/** What a step's function says of itself in its log. */
export function countOf(step: StepPlan, metricName: keyof StepCounts, statistic: Statistic): Metric {
  const dimensionsMap = { pipeline: step.pipeline, step: step.name };
  return new Metric({ namespace: NAMESPACE, metricName, dimensionsMap, statistic, period: FIVE_MINUTES });
}

/** What Lambda says of a step's function. */
export function functionMetric(
  step: StepPlan,
  names: Names,
  of: readonly [name: string, statistic: Statistic],
): Metric {
  const [metricName, statistic] = of;
  const dimensionsMap = { FunctionName: names.step(step.pipeline, step.name) };
  return new Metric({ namespace: 'AWS/Lambda', metricName, dimensionsMap, statistic, period: FIVE_MINUTES });
}

/** What Kinesis says of a stream. */
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

/** What SQS says of a queue. */
export function queueMetric(queueName: string, metricName: string): Metric {
  const dimensionsMap = { QueueName: queueName };
  return new Metric({ namespace: 'AWS/SQS', metricName, dimensionsMap, statistic: 'Maximum', period: FIVE_MINUTES });
}

/** How far a step is behind. Undefined: a source that answers requests never is. */
export function lagOf(step: StepPlan, names: Names): IMetric | undefined {
  if (step.delivery === 'continuous') return functionMetric(step, names, ['IteratorAge', 'Maximum']);
  if (step.delivery === 'scheduled') return countOf(step, 'lagMillis', 'Maximum');
  if (step.delivery === 'request') return undefined;
  return queueMetric(names.step(step.pipeline, step.name), 'ApproximateAgeOfOldestMessage');
}
