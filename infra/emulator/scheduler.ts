import type { Clock } from './clock.ts';
import { type Invoke, invoked } from './invoke.ts';
import { LambdaError } from './lambda-error.ts';
import { randomUuid } from './random-uuid.ts';
import type { Trace } from './trace.ts';

/** What CreateSchedule takes of a function that is called at a rate. */
export interface ScheduleDefinition {
  readonly name: string;
  /** `rate(5 minutes)`. Rates begin when the schedule is made. */
  readonly expression: string;
  readonly functionArn: string;
  /** The event, as JSON. `<aws.scheduler.scheduled-time>` and `<aws.scheduler.execution-id>` in it are replaced. */
  readonly input: string;
  /** The function's own: how often Lambda calls it again after an error, 0 to 2. 2 without it. */
  readonly maximumRetryAttempts?: number;
}

export interface SchedulerOptions {
  readonly schedules: readonly ScheduleDefinition[];
  readonly invoke: Invoke;
  readonly clock: Clock;
  readonly trace: Trace;
  readonly random: () => number;
  /**
   * How probable it is that a run is delivered a second time: EventBridge Scheduler delivers at least once. The second
   * comes while the first is under way or up to a minute later.
   */
  readonly twiceProbability: number;
}

export interface Scheduler {
  /** Starts a run of the schedule now, beside those of its rate. */
  runNow(name: string): Promise<void>;
  /** Resolves when no run is under way. */
  stop(): Promise<void>;
}

/**
 * EventBridge Scheduler: calls functions at a rate, whether or not the run before has ended. It calls them
 * asynchronously, so Lambda tries again what failed.
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

  /** One run, and its second delivery if there is one. */
  async function run(schedule: ScheduleDefinition, dueMillis: number): Promise<void> {
    const number = (runs.get(schedule.name) ?? 0) + 1;
    runs.set(schedule.name, number);
    const executionId = randomUuid(random);
    const deliver = (delivery: number) => call(schedule, { number, delivery, dueMillis, executionId });
    const isTwice = random() < twiceProbability;
    const afterMillis = Math.floor(random() * longestEchoMillis);
    const second = isTwice ? clock.sleep(afterMillis, stopping.signal).then(() => deliver(2)) : undefined;
    const settled = await Promise.allSettled([deliver(1), second]);
    for (const delivery of settled) if (delivery.status === 'rejected') throw delivery.reason;
  }

  async function call(schedule: ScheduleDefinition, { number, delivery, dueMillis, executionId }: Run): Promise<void> {
    const { name, functionArn, input, maximumRetryAttempts = 2 } = schedule;
    const payload = input
      .replaceAll('<aws.scheduler.scheduled-time>', new Date(dueMillis).toISOString().replace(/\.\d+/, ''))
      .replaceAll('<aws.scheduler.execution-id>', executionId);
    const requestId = randomUuid(random);
    trace({ did: 'schedule-run', schedule: name, run: number, delivery });
    let errors = 0;
    for (let refusals = 0; ; ) {
      const result = await invoked(invoke, { functionArn, requestId, payload, attempt: errors + 1 });
      if (result.outcome === 'returned') return;
      const isError = result.outcome === 'error';
      const why = isError ? `${result.errorType}: ${result.message}` : result.outcome;
      trace({ did: 'schedule-run-failed', schedule: name, run: number, why });
      if (isError) errors++;
      else refusals++;
      if (errors > maximumRetryAttempts) return;
      const afterMillis = isError
        ? errors * 60_000
        : Math.min(longestBackOffMillis, 1_000 * 2 ** Math.min(refusals - 1, 20));
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

interface Run {
  readonly number: number;
  readonly delivery: number;
  readonly dueMillis: number;
  readonly executionId: string;
}

/** AWS does not tell. Within a minute a second delivery overlaps a run that takes seconds, or comes after it. */
const longestEchoMillis = 60_000;

/**
 * Asynchronous invocation: an error is tried again after one minute, then after two; throttling after up to five
 * minutes.
 */
const longestBackOffMillis = 300_000;

const unitMillis: Readonly<Record<string, number>> = { minute: 60_000, hour: 3_600_000, day: 86_400_000 };

/** `rate(value unit)` with minutes, hours or days; the unit is plural but for 1. */
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
