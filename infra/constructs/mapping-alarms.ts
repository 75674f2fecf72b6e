import type { Names } from '../names.ts';
import type { StepPlan } from '../pipelines/plan.ts';
import type { AlarmsByKind } from './linked-alarm.ts';
import { functionMetric, mappingMetric } from './metrics.ts';

/**
 * The alarms of a stream's mapping. When a mapping cannot read its stream, it never calls the function, so none of the
 * function's own metrics shows it. A queue needs no such alarms: the age of its oldest message grows.
 */
export function mappingAlarms(
  step: StepPlan,
  { mapping, names }: { readonly mapping: string; readonly names: Names },
): AlarmsByKind {
  return {
    // Lambda measures 0 when it polls and finds nothing, and measures nothing when it does not poll.
    'not-polled': {
      meaning: 'Lambda has not polled the stream for the step for 15 minutes',
      section: 'not-polled',
      metric: mappingMetric(mapping, 'PolledEventCount'),
      threshold: 0,
      below: true,
      missing: 'alarming',
      periods: 3,
    },
    // It does not count what Lambda has stored in the bucket of discarded batches.
    dropped: {
      meaning: 'Lambda dropped events without storing them',
      section: 'dropped',
      metric: mappingMetric(mapping, 'DroppedEventCount'),
      threshold: 1,
      periods: 1,
    },
    undelivered: {
      meaning: 'Lambda could not store a batch that it discarded',
      section: 'dropped',
      metric: functionMetric(step, names, ['DestinationDeliveryFailures', 'Sum']),
      threshold: 1,
      periods: 1,
    },
  };
}
