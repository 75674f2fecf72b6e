import { setTimeout as delay } from 'node:timers/promises';
import { explainAwsError } from '../operation/aws-mistakes.ts';
import { statusOf } from '../operation/status/statuses.ts';
import type { StepPlan } from '../pipelines/plan.ts';
import type { LiveRates, LiveSteps, StepSummary } from './answers.ts';
import { followRates } from './live-rates.ts';
import type { ConsoleSource } from './source.ts';
import { summaryOf } from './step-summary.ts';

/** Looks at all steps again and again, for as long as somebody listens. */
export interface StepWatch {
  /** Calls the listener with what is known already, and then with what changes, until the signal aborts. */
  listen(listener: (message: LiveSteps) => void, signal: AbortSignal): void;
}

/** Steps that are read at once. */
const AT_ONCE = 4;

/** One look serves every page that is open. Without a page, nothing is read. */
export function watchSteps(source: ConsoleSource, stop: AbortSignal): StepWatch {
  const { target, find, lookEveryMillis } = source;
  const known = new Map<string, StepSummary>();
  const listeners = new Set<(message: LiveSteps) => void>();
  let problem: string | undefined;
  let rates: LiveRates | undefined;
  let round: AbortController | undefined;

  const tell = (message: LiveSteps): void => {
    for (const listener of listeners) listener(message);
  };

  const takeRates = (found: LiveRates): void => {
    rates = found;
    tell({ steps: [], rates });
  };

  async function look(step: StepPlan, signal: AbortSignal): Promise<void> {
    const summary = summaryOf(await statusOf(step, target, signal));
    if (summary === undefined) return;
    const key = `${step.pipeline}/${step.name}`;
    if (JSON.stringify(known.get(key)) === JSON.stringify(summary)) return;
    known.set(key, summary);
    tell({ steps: [summary] });
  }

  async function lookAtAll(signal: AbortSignal): Promise<void> {
    const steps = find.plans().flatMap((plan) => plan.steps);
    const next = steps.values();
    const worker = async (): Promise<void> => {
      for (const step of next) await look(step, signal);
    };
    await Promise.all(Array.from({ length: AT_ONCE }, worker));
  }

  async function run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        await lookAtAll(signal);
        if (problem !== undefined) tell({ steps: [], problem: '' });
        problem = undefined;
      } catch (error) {
        if (signal.aborted) return;
        problem = (explainAwsError(error) as Error).message;
        tell({ steps: [], problem });
      }
      await delay(lookEveryMillis, undefined, { signal }).catch(() => undefined);
    }
  }

  return {
    listen(listener, signal) {
      listeners.add(listener);
      listener({
        steps: [...known.values()],
        ...(problem === undefined ? {} : { problem }),
        ...(rates === undefined ? {} : { rates }),
      });
      if (round === undefined) {
        round = new AbortController();
        const untilNobodyListens = AbortSignal.any([stop, round.signal]);
        void run(untilNobodyListens);
        void followRates(source, takeRates, untilNobodyListens);
      }
      signal.addEventListener('abort', () => {
        listeners.delete(listener);
        if (listeners.size > 0) return;
        round?.abort();
        round = undefined;
      });
    },
  };
}
