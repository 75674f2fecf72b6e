import type { Trace, TraceEntry } from '../../infra/emulator/trace.ts';
import { nameOf, type Runner } from '../../infra/local/runner.ts';
import type { StepPlan } from '../../infra/pipelines/plan.ts';
import { seededRandom } from '../infra/emulator/mapping/seeded-random.ts';

export interface KillsOptions {
  readonly kills: number;
  readonly seed: number;
  readonly say: (text: string) => void;
  readonly signal: AbortSignal;
}

/** Kills processes of steps while they work. */
export interface Killer {
  readonly trace: (step: StepPlan) => Trace;
  begin(runner: Runner): void;
  /** Call this when the step is about to be invoked in a way that the trace does not show. */
  consider(step: StepPlan): void;
  /** Resolves when `kills` processes have died during an invocation. */
  readonly done: Promise<void>;
  /** Stops killing. */
  stop(): void;
  count(): ReadonlyMap<string, number>;
}

/** About the longest time that an invocation takes here, its cold start included. Most take much less. */
const LONGEST_MILLIS = 400;

/**
 * The probability that a step is killed when it begins to work. The trace shows no success of a scheduled step, so a
 * scheduled step is spared after two kills.
 */
const CHANCE: Readonly<Record<StepPlan['delivery'], number>> = {
  continuous: 0.6,
  scheduled: 0.1,
  queue: 0.1,
  pulled: 0.1,
  request: 0,
};

/**
 * Kills a process of a step, with some probability, at a random time after its invocation began. After two deaths in a
 * row at one shard a step is spared until it succeeds there, because a third death could reject an event.
 */
export function killer({ kills, seed, say, signal }: KillsOptions): Killer {
  const random = seededRandom(seed);
  const counts = new Map<string, number>();
  const inARow = new Map<string, number>();
  const { promise: done, resolve, reject } = Promise.withResolvers<void>();
  done.catch(() => undefined);
  signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  let left = kills;
  let runner: Runner | undefined;

  function consider(step: StepPlan): void {
    if (runner === undefined || left === 0 || isSpared(step) || random() > CHANCE[step.delivery]) return;
    const { kill } = runner;
    setTimeout(
      () => {
        if (left > 0 && !isSpared(step)) void kill(step);
      },
      random() ** 2 * LONGEST_MILLIS,
    );
  }

  function isSpared(step: StepPlan): boolean {
    return [...inARow].some(([shard, times]) => times >= 2 && shard.startsWith(`${nameOf(step)} `));
  }

  function died(step: StepPlan, shard: string): void {
    inARow.set(shard, (inARow.get(shard) ?? 0) + 1);
    counts.set(nameOf(step), (counts.get(nameOf(step)) ?? 0) + 1);
    if (left === 0) return;
    left--;
    say(`${nameOf(step)} was killed: ${left} left`);
    if (left === 0) resolve();
  }

  return {
    trace: (step) => (entry) => {
      const shard = `${nameOf(step)} ${'shardId' in entry ? entry.shardId : ''}`;
      if (isBegin(entry)) consider(step);
      if (failureOf(entry)?.includes('killed')) died(step, shard);
      if (isSuccess(entry)) inARow.delete(shard);
    },
    consider,
    begin(begun) {
      runner = begun;
    },
    done,
    stop() {
      left = 0;
    },
    count: () => counts,
  };
}

/** Tells whether a function is about to be invoked, for the first time or in a retry. */
function isBegin({ did }: TraceEntry): boolean {
  return did === 'batch' || did === 'retry' || did === 'split' || did === 'schedule-run';
}

function isSuccess(entry: TraceEntry): boolean {
  return entry.did === 'invocation' && entry.outcome === 'succeeded';
}

function failureOf(entry: TraceEntry): string | undefined {
  if (entry.did === 'invocation' || entry.did === 'queue-batch' || entry.did === 'schedule-run-failed')
    return entry.why;
  return undefined;
}
