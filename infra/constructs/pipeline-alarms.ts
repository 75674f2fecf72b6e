import { Duration } from 'aws-cdk-lib';
import { Construct } from 'constructs';
import { LOG_LEFT_MILLIS, pullEveryMillis } from '../delivery.ts';
import type { Names } from '../names.ts';
import type { PipelinePlan, SinkPlan, StepPlan, TablePlan, WindowsPlan } from '../pipelines/plan.ts';
import type { OwnStreamPlan } from '../pipelines/streams.ts';
import { isFedByRule } from '../sources/topic-rule.ts';
import { type AlarmsByKind, LinkedAlarm } from './linked-alarm.ts';
import { mappingAlarms } from './mapping-alarms.ts';
import {
  countOf,
  FIVE_MINUTES,
  failuresOf,
  functionMetric,
  lagOf,
  queueMetric,
  ruleFailuresOf,
  streamMetric,
} from './metrics.ts';
import type { Surroundings } from './surroundings.ts';

/**
 * Every alarm of a pipeline. None rings for a failure that the next invocation repairs. Each alarm has one metric: that
 * costs least, and every emulator of CloudWatch supports it.
 */
export class PipelineAlarms extends Construct {
  private readonly surroundings: Surroundings;
  private readonly mappings: ReadonlyMap<string, string>;

  constructor(
    scope: Construct,
    id: string,
    props: {
      readonly plan: PipelinePlan;
      readonly surroundings: Surroundings;
      /** The ids of the streams' mappings, by the names of their steps. */
      readonly mappings: ReadonlyMap<string, string>;
    },
  ) {
    super(scope, id);
    const { plan, surroundings, mappings } = props;
    this.surroundings = surroundings;
    this.mappings = mappings;
    for (const stream of plan.streams) this.add(plan.name, stream.name, this.alarmsOfStream(stream));
    for (const step of plan.steps) this.add(plan.name, step.name, this.alarmsOfStep(step));
  }

  private add(pipeline: string, of: string, alarmsByKind: AlarmsByKind): void {
    const { names, alarms: topic } = this.surroundings;
    for (const [what, props] of Object.entries(alarmsByKind)) {
      new LinkedAlarm(this, `${of}--${what}`, { ...props, alarmName: names.alarm([pipeline, of], what), topic });
    }
  }

  private alarmsOfStream(stream: OwnStreamPlan): AlarmsByKind {
    const { names } = this.surroundings;
    const metric = streamMetric(stream, names, ['WriteProvisionedThroughputExceeded', 'Sum']);
    const meaning = 'writes to a shard have exceeded its limit for 15 minutes';
    return { 'stream-throttles': { meaning, section: 'throttles', metric, threshold: 1, periods: 3 } };
  }

  private alarmsOfStep(step: StepPlan): AlarmsByKind {
    const { names } = this.surroundings;
    if (isFedByRule(step)) {
      const metric = ruleFailuresOf(step, names);
      const refused = 'AWS IoT Core cannot append messages to the stream';
      return { 'rule-failures': { meaning: refused, section: 'rule-failures', metric, threshold: 1, periods: 1 } };
    }
    const throttled = functionMetric(step, names, ['Throttles', 'Sum']);
    const meaning = 'calls of the function have been throttled for 15 minutes';
    const mapping = this.mappings.get(step.name);
    return {
      ...this.failureAlarms(step),
      throttles: { meaning, section: 'throttles', metric: throttled, threshold: 1, periods: 3 },
      ...(step.delivery === 'request' ? {} : this.lagAlarms(step)),
      ...(step.delivery === 'request' ? {} : rejectionAlarm(step, names)),
      ...(step.delivery === 'queue' ? this.failedFilesAlarm(step) : {}),
      ...(mapping === undefined ? {} : mappingAlarms(step, { mapping, names })),
      ...(step.kind === 'table' && step.windows !== undefined ? windowAlarms(step, step.windows, names) : {}),
    };
  }

  /** A single failure is retried. A scheduled step alarms when two runs in a row fail. */
  private failureAlarms(step: StepPlan): AlarmsByKind {
    const { names } = this.surroundings;
    // A pulled source that is read each minute fails more often than the alarm looks.
    const isScheduled = 'every' in step && step.every !== undefined;
    const period = isScheduled ? runsIn(step, 1) : FIVE_MINUTES;
    const often = { threshold: 1, periods: isScheduled ? 2 : 3 };
    const crashed = functionMetric(step, names, ['Errors', 'Sum']).with({ period });
    const failed = failuresOf(step, names).with({ period });
    return {
      crashes: {
        meaning: 'calls of the function keep ending in an error',
        section: 'crashes',
        metric: crashed,
        ...often,
      },
      errors: { meaning: 'the step keeps reporting failures', section: 'errors', metric: failed, ...often },
    };
  }

  private lagAlarms(step: StepPlan): AlarmsByKind {
    const { names } = this.surroundings;
    if (step.delivery === 'scheduled') return { 'file-age': lateAlarm(step, names), stopped: this.stoppedAlarm(step) };
    if (step.delivery === 'pulled')
      return {
        stopped: this.stoppedAlarm({ ...step, every: pullEveryMillis(step) }),
        ...(step.connector === 'postgres-changes' ? logAlarm(step, names) : {}),
      };
    // A table says itself how long its records have waited: not while it is made again, when they have to wait.
    const metric = step.kind === 'table' ? countOf(step, names, ['lagMillis', 'Maximum']) : lagOf(step, names);
    if (metric === undefined) return {};
    const [threshold, unit] = step.delivery === 'queue' ? [3_600, 'an hour'] : [15 * 60_000, '15 minutes'];
    return { lag: { meaning: `the step is ${unit} behind`, section: 'lag', metric, threshold, periods: 3 } };
  }

  /**
   * A period has at least two runs, so that one that comes a little late does not alarm. Without any invocation Lambda
   * measures nothing, not zero.
   */
  private stoppedAlarm(step: StepPlan & { readonly every?: number | undefined }): AlarmsByKind[string] {
    const period = runsIn(step, 2);
    const metric = functionMetric(step, this.surroundings.names, ['Invocations', 'Sum']).with({ period });
    const meaning = 'the schedule does not run the step';
    const below = { threshold: 1, below: true, missing: 'alarming' } as const;
    return { meaning, section: 'stopped', metric, periods: 1, ...below };
  }

  private failedFilesAlarm({ pipeline, name }: StepPlan): AlarmsByKind {
    const metric = queueMetric(
      this.surroundings.names.failedItems(pipeline, name),
      'ApproximateNumberOfMessagesVisible',
    );
    const meaning = 'a file failed ten times and is in the queue of failed files';
    return { 'failed-files': { meaning, section: 'failed-files', metric, threshold: 1, periods: 1 } };
  }
}

/** Alarms a day before the database removes log that a source has not read, at the rate at which its log grows. */
function logAlarm(step: StepPlan, names: Names): AlarmsByKind {
  const metric = countOf(step, names, ['logLeftMillis', 'Minimum']);
  const meaning = 'the database removes changes that the source has not read within a day';
  return { 'log-kept': { meaning, section: 'log-kept', metric, threshold: LOG_LEFT_MILLIS, below: true, periods: 2 } };
}

/** Alarms when a scheduled step writes its events too late. */
function lateAlarm(step: SinkPlan, names: Names): AlarmsByKind[string] {
  const metric = countOf(step, names, ['lagMillis', 'Maximum']).with({ period: runsIn(step, 2) });
  const meaning = 'events are written later than the schedule allows';
  const threshold = 3 * (step.every ?? 0) + LONGEST_RUN_MILLIS;
  return { meaning, section: 'file-age', metric, threshold, periods: 2 };
}

/**
 * The alarms of a table's windows. A tick comes to each shard every minute, so no measurement at all means that none
 * comes.
 */
function windowAlarms(step: TablePlan, { emit, behindMillis }: WindowsPlan, names: Names): AlarmsByKind {
  const threshold = behindMillis + LONGEST_STANDSTILL_MILLIS;
  const watermark: AlarmsByKind[string] = {
    meaning: 'time stands still in the table, so its windows do not close',
    section: 'watermark',
    metric: countOf(step, names, ['watermarkLagMillis', 'Maximum']),
    threshold,
    missing: 'alarming',
    periods: 3,
  };
  if (emit !== 'final') return { watermark };
  return {
    watermark,
    'overdue-windows': {
      meaning: 'a window of the table is open that had to close a quarter of an hour ago',
      section: 'overdue-windows',
      metric: countOf(step, names, ['overdueMillis', 'Maximum']),
      threshold,
      periods: 3,
    },
  };
}

const LONGEST_STANDSTILL_MILLIS = 15 * 60_000;

function rejectionAlarm(step: StepPlan, names: Names): AlarmsByKind {
  const metric = countOf(step, names, ['rejected', 'Sum']);
  const meaning = 'events were rejected and stored as dead letters';
  return { 'dead-letters': { meaning, section: 'dead-letters', metric, threshold: 1, periods: 1 } };
}

const LONGEST_RUN_MILLIS = 15 * 60_000;

/** All periods of an alarm together are at most a day in CloudWatch. An alarm here has at most two such periods. */
const LONGEST_PERIOD = Duration.hours(12);

/** Computes a period with `count` runs of a schedule. */
function runsIn({ every }: { readonly every?: number | undefined }, count: number): Duration {
  const millis = Math.max(FIVE_MINUTES.toMilliseconds(), count * (every ?? 0));
  return Duration.millis(Math.min(millis, LONGEST_PERIOD.toMilliseconds()));
}
