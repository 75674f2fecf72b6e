import { Duration } from 'aws-cdk-lib';
import { Construct } from 'constructs';
import type { PipelinePlan, SinkPlan, StepPlan } from '../pipelines/plan.ts';
import type { OwnStreamPlan } from '../pipelines/streams.ts';
import { LinkedAlarm, type LinkedAlarmProps } from './linked-alarm.ts';
import { countOf, FIVE_MINUTES, failuresOf, functionMetric, lagOf, queueMetric, streamMetric } from './metrics.ts';
import type { Surroundings } from './surroundings.ts';

/** What is wrong with a step or stream, by a name that is unique to it. */
type Wrong = Readonly<Record<string, Omit<LinkedAlarmProps, 'alarmName' | 'topic'>>>;

/**
 * Every alarm of a pipeline: none rings for what the next invocation mends. Each is of one metric, which costs least,
 * and which every server that stands for CloudWatch understands.
 */
export class PipelineAlarms extends Construct {
  private readonly surroundings: Surroundings;

  constructor(
    scope: Construct,
    id: string,
    props: { readonly plan: PipelinePlan; readonly surroundings: Surroundings },
  ) {
    super(scope, id);
    const { plan, surroundings } = props;
    this.surroundings = surroundings;
    for (const stream of plan.streams) this.add(plan.name, stream.name, this.wrongWithStream(stream));
    for (const step of plan.steps) this.add(plan.name, step.name, this.wrongWith(step));
  }

  private add(pipeline: string, of: string, wrong: Wrong): void {
    const { names, alarms: topic } = this.surroundings;
    for (const [what, props] of Object.entries(wrong)) {
      new LinkedAlarm(this, `${of}--${what}`, { ...props, alarmName: names.alarm([pipeline, of], what), topic });
    }
  }

  private wrongWithStream(stream: OwnStreamPlan): Wrong {
    const { names } = this.surroundings;
    const metric = streamMetric(stream, names, ['WriteProvisionedThroughputExceeded', 'Sum']);
    const meaning = 'a shard has been written above its limit for a quarter of an hour';
    return { 'stream-throttles': { meaning, section: 'throttles', metric, threshold: 1, periods: 3 } };
  }

  private wrongWith(step: StepPlan): Wrong {
    const { names } = this.surroundings;
    const throttled = functionMetric(step, names, ['Throttles', 'Sum']);
    const meaning = 'the function has had no room to run for a quarter of an hour';
    return {
      ...this.keepsFailing(step),
      throttles: { meaning, section: 'throttles', metric: throttled, threshold: 1, periods: 3 },
      ...(step.delivery === 'request' ? {} : this.isBehind(step)),
      ...(step.delivery === 'request' ? {} : rejects(step)),
      ...(step.delivery === 'queue' ? this.hasGivenUp(step) : {}),
    };
  }

  /** One failure is tried again. A step with a schedule is given two of its runs. */
  private keepsFailing(step: StepPlan): Wrong {
    const { names } = this.surroundings;
    const isScheduled = step.delivery === 'scheduled';
    const period = isScheduled ? runsIn(step, 1) : FIVE_MINUTES;
    const often = { threshold: 1, periods: isScheduled ? 2 : 3 };
    const crashed = functionMetric(step, names, ['Errors', 'Sum']).with({ period });
    const failed = failuresOf(step).with({ period });
    return {
      crashes: {
        meaning: 'the function ends in an error again and again',
        section: 'crashes',
        metric: crashed,
        ...often,
      },
      errors: { meaning: 'the step says again and again that it failed', section: 'errors', metric: failed, ...often },
    };
  }

  private isBehind(step: StepPlan): Wrong {
    const { names } = this.surroundings;
    if (step.delivery === 'scheduled') return { 'file-age': writesLate(step), stopped: this.doesNotRun(step) };
    const metric = lagOf(step, names);
    if (metric === undefined) return {};
    const [threshold, unit] = step.delivery === 'queue' ? [3_600, 'an hour'] : [15 * 60_000, 'a quarter of an hour'];
    return { lag: { meaning: `the step is ${unit} behind`, section: 'lag', metric, threshold, periods: 3 } };
  }

  /**
   * A period has two runs at least: one that comes a little late is no matter. No invocation at all is no zero, it is
   * nothing measured.
   */
  private doesNotRun(step: SinkPlan): Wrong[string] {
    const period = runsIn(step, 2);
    const metric = functionMetric(step, this.surroundings.names, ['Invocations', 'Sum']).with({ period });
    const meaning = 'the schedule does not run the step';
    const below = { threshold: 1, below: true, missing: 'alarming' } as const;
    return { meaning, section: 'stopped', metric, periods: 1, ...below };
  }

  private hasGivenUp({ pipeline, name }: StepPlan): Wrong {
    const metric = queueMetric(
      this.surroundings.names.failedItems(pipeline, name),
      'ApproximateNumberOfMessagesVisible',
    );
    const meaning = 'a file was tried ten times and put aside';
    return { 'failed-files': { meaning, section: 'failed-files', metric, threshold: 1, periods: 1 } };
  }
}

/** Of a step with a schedule: how late what it took was. */
function writesLate(step: SinkPlan): Wrong[string] {
  const metric = countOf(step, 'lagMillis', 'Maximum').with({ period: runsIn(step, 2) });
  const meaning = 'events are written later than the schedule would have it';
  const threshold = 3 * (step.every ?? 0) + LONGEST_RUN_MILLIS;
  return { meaning, section: 'file-age', metric, threshold, periods: 2 };
}

function rejects(step: StepPlan): Wrong {
  const metric = countOf(step, 'rejected', 'Sum');
  const meaning = 'events were refused and are among the dead letters';
  return { 'dead-letters': { meaning, section: 'dead-letters', metric, threshold: 1, periods: 1 } };
}

const LONGEST_RUN_MILLIS = 15 * 60_000;

/** CloudWatch looks back a day at most, over all of an alarm's periods. */
const LONGEST_PERIOD = Duration.hours(12);

/** A period that has so many runs of a schedule. */
function runsIn({ every }: { readonly every?: number | undefined }, count: number): Duration {
  const millis = Math.max(FIVE_MINUTES.toMilliseconds(), count * (every ?? 0));
  return Duration.millis(Math.min(millis, LONGEST_PERIOD.toMilliseconds()));
}
