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
  /** The step is about to be invoked: what no trace says. */
  consider(step: StepPlan): void;
  /** Resolves when so many processes have died in the middle of an invocation. */
  readonly done: Promise<void>;
  /** Kills no more. */
  stop(): void;
  count(): ReadonlyMap<string, number>;
}

/** An invocation takes up to about so long here, its cold start included; most of them much less. */
const LONGEST_MILLIS = 400;

/**
 * How often a step that begins to work is killed. Of scheduled steps nobody tells that they have succeeded: they are
 * spared after two.
 */
const CHANCE: Readonly<Record<StepPlan['delivery'], number>> = {
  continuous: 0.6,
  scheduled: 0.1,
  queue: 0.1,
  request: 0,
};

/**
 * With chance, a process of a step is killed some time after its invocation was begun. After two that died one after
 * the other a step is spared until it has succeeded there: a third one may be what an event is rejected for.
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
    return [...inARow].some(([place, times]) => times >= 2 && place.startsWith(`${nameOf(step)} `));
  }

  function died(step: StepPlan, place: string): void {
    inARow.set(place, (inARow.get(place) ?? 0) + 1);
    counts.set(nameOf(step), (counts.get(nameOf(step)) ?? 0) + 1);
    if (left === 0) return;
    left--;
    say(`${nameOf(step)} is killed: ${left} to go`);
    if (left === 0) resolve();
  }

  return {
    trace: (step) => (entry) => {
      const place = `${nameOf(step)} ${'shardId' in entry ? entry.shardId : ''}`;
      if (isBegin(entry)) consider(step);
      if (failureOf(entry)?.includes('killed')) died(step, place);
      if (isSuccess(entry)) inARow.delete(place);
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

/** What is offered to a function, or offered again. */
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
