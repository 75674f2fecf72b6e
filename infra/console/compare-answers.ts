import { setInterval, setTimeout } from 'node:timers';
import { UserMistake } from '../../functions/runtime/errors.ts';
import { compareSinks } from '../operation/compare/compare.ts';
import type { Comparison } from '../operation/compare/comparison.ts';
import { viewOf } from '../operation/compare/views.ts';
import type { SinkPlan, StepPlan } from '../pipelines/plan.ts';
import type { ComparableAnswer, LiveComparison } from './answers.ts';
import type { Asked } from './asked.ts';
import type { EventStream } from './event-stream.ts';
import { shownComparison } from './shown-comparison.ts';
import type { ConsoleSource } from './source.ts';
import { streamOf } from './stream-of.ts';

/** Answers which sinks can be compared with each other: those of one pipeline on one stream. */
export async function comparableAnswer({ find }: Pick<ConsoleSource, 'find'>): Promise<ComparableAnswer> {
  const groups = find.plans().flatMap(({ name, steps }) => {
    const streams = Map.groupBy(steps.filter(isReadable), ({ input }) => streamOf(input.stream));
    return [...streams].map(([stream, sinks]) => ({ pipeline: name, stream, sinks: sinks.map((sink) => sink.name) }));
  });
  return { groups: groups.filter(({ sinks }) => sinks.length > 1) };
}

function isReadable(step: StepPlan): step is SinkPlan {
  try {
    viewOf(step);
    return true;
  } catch (error) {
    if (error instanceof UserMistake) return false;
    throw error;
  }
}

/** A comparison that is under way or done. */
interface Run {
  latest: LiveComparison;
  listeners: number;
  isDone: boolean;
  readonly ended: Promise<void>;
  readonly stop: AbortController;
}

const MOST_NAMED = 100;
const MOST_KEPT = 4;
const SEND_EVERY_MILLIS = 250;
const PATIENCE_MILLIS = 10_000;

/**
 * Opens what compares sinks for pages. A page names its comparison, so that it finds it again after the browser has
 * closed the connection, as it does for a page that nobody sees. One comparison runs at a time; one that no page waits
 * for any more is ended.
 */
export function openComparisons(
  source: ConsoleSource,
  stop: AbortSignal,
): (asked: Asked, to: EventStream) => Promise<void> {
  const runs = new Map<string, Run>();
  let previous: Promise<unknown> = Promise.resolve();

  function start({ named }: Asked): Run {
    const pair = { a: source.find.step(named.pipeline, named.a), b: source.find.step(named.pipeline, named.b) };
    const ending = new AbortController();
    const signal = AbortSignal.any([stop, ending.signal]);
    const compared = previous.then(() =>
      compareSinks(pair, {
        target: source.target,
        limit: MOST_NAMED,
        searches: true,
        onProgress: (progress) => {
          run.latest = { progress };
        },
        signal,
      }),
    );
    const ended = compared.then(
      (comparison: Comparison) => {
        run.latest = { comparison: shownComparison(comparison, pair.a, source) };
        run.isDone = true;
      },
      (error: Error) => {
        run.latest = { failed: error.message };
        run.isDone = true;
      },
    );
    previous = ended;
    const run: Run = { latest: { progress: WAITING }, listeners: 0, isDone: false, ended, stop: ending };
    return run;
  }

  return async (asked, to) => {
    const { named, query } = asked;
    const id = [named.pipeline, named.a, named.b, query.get('run') ?? ''].join('/');
    const run = runs.get(id) ?? start(asked);
    runs.set(id, run);
    forgetOldest(runs);
    run.listeners += 1;
    let sent: LiveComparison | undefined;
    const send = (): void => {
      if (run.latest === sent) return;
      sent = run.latest;
      to.send(sent);
    };
    send();
    const timer = setInterval(send, SEND_EVERY_MILLIS);
    try {
      const left = new Promise((resolve) => to.signal.addEventListener('abort', resolve, { once: true }));
      await Promise.race([run.ended, left]);
      send();
    } finally {
      clearInterval(timer);
      run.listeners -= 1;
      setTimeout(() => {
        if (run.listeners > 0 || run.isDone) return;
        run.stop.abort();
        runs.delete(id);
      }, PATIENCE_MILLIS).unref();
    }
  };
}

const WAITING = { doing: 'waiting for another comparison', done: 0 } as const;

function forgetOldest(runs: Map<string, Run>): void {
  for (const [id, { isDone }] of runs) {
    if (runs.size <= MOST_KEPT) return;
    if (isDone) runs.delete(id);
  }
}
