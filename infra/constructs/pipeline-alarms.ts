import { Duration } from 'aws-cdk-lib';
import { MathExpression } from 'aws-cdk-lib/aws-cloudwatch';
import { Construct } from 'constructs';
import type { PipelinePlan, SinkPlan, StepPlan } from '../pipelines/plan.ts';
import type { OwnStreamPlan } from '../pipelines/streams.ts';
import { LinkedAlarm, type LinkedAlarmProps } from './linked-alarm.ts';
import { countOf, FIVE_MINUTES, failuresOf, functionMetric, lagOf, queueMetric, streamMetric } from './metrics.ts';
import type { Surroundings } from './surroundings.ts';

/** What is wrong with a step or stream, by a name that is unique to it. */
type Wrong = Readonly<Record<string, Omit<LinkedAlarmProps, 'alarmName' | 'topic'>>>;

/** Every alarm of a pipeline: none rings for what the next invocation mends. */
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
      errors: this.keepsFailing(step),
      throttles: { meaning, section: 'throttles', metric: throttled, threshold: 1, periods: 3 },
      ...(step.delivery === 'request' ? {} : this.isBehind(step)),
      ...(step.delivery === 'request' ? {} : rejects(step)),
      ...(step.delivery === 'queue' ? this.hasGivenUp(step) : {}),
    };
  }

  /** One failure is tried again. A step with a schedule is given two of its runs. */
  private keepsFailing(step: StepPlan): Wrong[string] {
    const { names } = this.surroundings;
    const isScheduled = step.delivery === 'scheduled';
    const period = isScheduled ? runsIn(step, 1) : FIVE_MINUTES;
    const metric = new MathExpression({
      expression: 'FILL(crashed, 0) + FILL(failed, 0)',
      usingMetrics: {
        crashed: functionMetric(step, names, ['Errors', 'Sum']).with({ period }),
        failed: failuresOf(step).with({ period }),
      },
      label: 'failures',
      period,
    });
    const meaning = 'the step fails again and again';
    return { meaning, section: 'errors', metric, threshold: 1, periods: isScheduled ? 2 : 3 };
  }

  private isBehind(step: StepPlan): Wrong {
    const { names } = this.surroundings;
    if (step.kind === 'sink' && step.delivery === 'scheduled') return { 'file-age': this.writesNothing(step) };
    const metric = lagOf(step, names);
    if (metric === undefined) return {};
    const [threshold, unit] = step.delivery === 'queue' ? [3_600, 'an hour'] : [15 * 60_000, 'a quarter of an hour'];
    return { lag: { meaning: `the step is ${unit} behind`, section: 'lag', metric, threshold, periods: 3 } };
  }

  /**
   * Of a sink that runs on a schedule: how late what it wrote was, or twice the limit when events came and it took none. A period has
   * two runs at least, so what came in the first of two is taken in the second.
   */
  private writesNothing(step: SinkPlan): Wrong[string] {
    const { names } = this.surroundings;
    const period = runsIn(step, 2);
    const threshold = 3 * (step.every ?? 0) + LONGEST_RUN_MILLIS;
    const metric = new MathExpression({
      expression: `IF(FILL(came, 0) > 0 AND FILL(taken, 0) == 0, ${2 * threshold}, FILL(lag, 0))`,
      usingMetrics: {
        came: streamMetric(step.input.stream, names, ['IncomingRecords', 'Sum']).with({ period }),
        taken: countOf(step, 'eventsIn', 'Sum').with({ period }),
        lag: countOf(step, 'lagMillis', 'Maximum').with({ period }),
      },
      label: 'age of what is not in a file yet',
      period,
    });
    const meaning = 'events are not where the schedule should have written them';
    return { meaning, section: 'file-age', metric, threshold, periods: 2 };
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
