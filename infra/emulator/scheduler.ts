import type { Clock } from './clock.ts';
import { type Invoke, invokeSafely } from './invoke.ts';
import { LambdaError } from './lambda-error.ts';
import { randomUuid } from './random-uuid.ts';
import type { Trace } from './trace.ts';

/** The parameters of CreateSchedule for a function that is called at a rate. */
export interface ScheduleDefinition {
  readonly name: string;
  /** `rate(5 minutes)`, counted from the start of the scheduler. */
  readonly expression: string;
  readonly functionArn: string;
  /**
   * The event, as JSON. `<aws.scheduler.scheduled-time>` and `<aws.scheduler.execution-id>` in the text are replaced.
   */
  readonly input: string;
  /** How often Lambda calls the function again after an error, 0 to 2. 2 by default. */
  readonly maximumRetryAttempts?: number;
}

export interface SchedulerOptions {
  readonly schedules: readonly ScheduleDefinition[];
  readonly invoke: Invoke;
  readonly clock: Clock;
  readonly trace: Trace;
  readonly random: () => number;
  /**
   * The probability that a run is delivered twice. The second delivery comes up to a minute after the first one began,
   * also while that is under way.
   */
  readonly twiceProbability: number;
}

export interface Scheduler {
  /** Starts a run of the schedule now, in addition to those of its rate. */
  runNow(name: string): Promise<void>;
  /** Resolves when no run is under way. */
  stop(): Promise<void>;
}

/**
 * Starts EventBridge Scheduler, with Lambda's asynchronous invocation behind it.
 *
 * *Behaviour.* Calls each function at its rate, whether or not the run before has ended. Scheduler delivers at least
 * once, so a run can come twice. Because the call is asynchronous, Lambda retries it: after an error one minute later
 * and then two minutes later, `maximumRetryAttempts` times; after throttling or a service error with a back-off from 1
 * s to 5 minutes, which uses no retry. (Lambda developer guide, "How Lambda handles errors and retries with
 * asynchronous invocation")
 *
 * *Differences from AWS.*
 * - Only `rate(…)` without a flexible window: no `cron`, `at`, time zones, start and end dates.
 * - The first run comes one period after the start; in AWS a schedule without a StartDate begins at once. A run begins
 *   to the millisecond; in AWS within 60 s. (Scheduler user guide, "Schedule types")
 * - A throttled run is retried for ever; in AWS until MaximumEventAgeInSeconds, 6 hours by default. There is neither a
 *   dead-letter queue nor an on-failure destination.
 * - Second deliveries come as often as `twiceProbability` says. AWS gives no figure.
 */
export function startScheduler(options: SchedulerOptions): Scheduler {
  const { clock, invoke, random, schedules, trace, twiceProbability } = options;
  const stopping = new AbortController();
  const underWay = new Set<Promise<void>>();
  const runs = new Map<string, number>();
  const periods = new Map(schedules.map((schedule) => [schedule.name, rateMillis(schedule)]));
  for (const schedule of schedules) void begin(keepTime(schedule));

  function begin(work: Promise<void>): Promise<void> {
    const ended = work.catch(rethrowUnlessStopped).finally(() => underWay.delete(ended));
    underWay.add(ended);
    return ended;
  }

  function rethrowUnlessStopped(error: unknown): void {
    if (error !== stopping.signal.reason) throw error;
  }

  async function keepTime(schedule: ScheduleDefinition): Promise<void> {
    const periodMillis = periods.get(schedule.name) ?? 0;
    for (let dueMillis = clock.now() + periodMillis; ; dueMillis += periodMillis) {
      await clock.sleep(dueMillis - clock.now(), stopping.signal);
      void begin(run(schedule, dueMillis));
    }
  }

  /** Delivers one run, and sometimes a second time. */
  async function run(schedule: ScheduleDefinition, dueMillis: number): Promise<void> {
    const number = (runs.get(schedule.name) ?? 0) + 1;
    runs.set(schedule.name, number);
    const executionId = randomUuid(random);
    const deliver = (delivery: number) => call(schedule, { number, delivery, dueMillis, executionId });
    const isTwice = random() < twiceProbability;
    const afterMillis = Math.floor(random() * longestSecondDelayMillis);
    const second = isTwice ? clock.sleep(afterMillis, stopping.signal).then(() => deliver(2)) : undefined;
    const settled = await Promise.allSettled([deliver(1), second]);
    for (const delivery of settled) if (delivery.status === 'rejected') throw delivery.reason;
  }

  async function call(
    schedule: ScheduleDefinition,
    { number, delivery, dueMillis, executionId }: ScheduledRun,
  ): Promise<void> {
    const { name, functionArn, input, maximumRetryAttempts = 2 } = schedule;
    const payload = input
      .replaceAll('<aws.scheduler.scheduled-time>', new Date(dueMillis).toISOString().replace(/\.\d+/, ''))
      .replaceAll('<aws.scheduler.execution-id>', executionId);
    const requestId = randomUuid(random);
    trace({ did: 'schedule-run', schedule: name, run: number, delivery });
    let errors = 0;
    for (let throttles = 0; ; ) {
      const result = await invokeSafely(invoke, { functionArn, requestId, payload, attempt: errors + 1 });
      if (result.outcome === 'returned') return;
      const isError = result.outcome === 'error';
      const why = isError ? `${result.errorType}: ${result.message}` : result.outcome;
      trace({ did: 'schedule-run-failed', schedule: name, run: number, why });
      if (isError) errors++;
      else throttles++;
      if (errors > maximumRetryAttempts) return;
      const afterMillis = isError
        ? errors * 60_000
        : Math.min(longestBackOffMillis, 1_000 * 2 ** Math.min(throttles - 1, 20));
      await clock.sleep(afterMillis, stopping.signal);
    }
  }

  return {
    async runNow(name) {
      const schedule = schedules.find((candidate) => candidate.name === name);
      if (schedule === undefined)
        throw new LambdaError('ResourceNotFoundException', `Schedule ${name} does not exist.`);
      await begin(run(schedule, clock.now()));
    },
    async stop() {
      stopping.abort(new Error('the scheduler was stopped'));
      await Promise.allSettled(underWay);
    },
  };
}

interface ScheduledRun {
  readonly number: number;
  readonly delivery: number;
  readonly dueMillis: number;
  readonly executionId: string;
}

/** The longest delay of a second delivery. A minute is enough to come during a run of seconds, or after it. */
const longestSecondDelayMillis = 60_000;

const longestBackOffMillis = 300_000;

const unitMillis: Readonly<Record<string, number>> = { minute: 60_000, hour: 3_600_000, day: 86_400_000 };

/** Parses `rate(value unit)` with minutes, hours or days. The unit is in the plural except after 1. */
function rateMillis({ expression, name }: ScheduleDefinition): number {
  const [, digits = '', unit = '', plural = ''] = /^rate\((\d+) (minute|hour|day)(s?)\)$/.exec(expression) ?? [];
  const value = Number(digits);
  const millis = value * (unitMillis[unit] ?? 0);
  if (millis > 0 && (value === 1) === (plural === '')) return millis;
  throw new LambdaError(
    'ValidationException',
    `Invalid Schedule Expression ${expression} of schedule ${name}: write rate(5 minutes), rate(1 hour) or rate(2 days)`,
  );
}
