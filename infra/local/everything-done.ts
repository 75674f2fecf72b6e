import { setTimeout as delay } from 'node:timers/promises';
import { stepStatus } from '../operation/status/status.ts';
import type { StepPlan } from '../pipelines/plan.ts';
import { topDown } from '../pipelines/top-down.ts';
import { functionName, isContinuous, isScheduled } from './runner.ts';
import type { Local } from './start.ts';

/**
 * Waits until every queue is empty and every position is at the end of its shard. Runs scheduled steps as often as
 * necessary.
 */
export async function everythingDone(local: Local, signal: AbortSignal): Promise<void> {
  const { runner } = local;
  const readers = runner.steps.filter((step) => isContinuous(step) || isScheduled(step));
  for (const step of runner.steps) if (step.delivery === 'queue') await untilEmpty(local, step, signal);
  for (;;) {
    for (const step of readers) if (isContinuous(step)) await untilAborted(runner.caughtUp(step), signal);
    const behind = [];
    for (const step of readers) {
      const statuses = await stepStatus(step, local.stage, signal);
      if (statuses.some(({ state, recordsBehind = 0 }) => state === 'unknown' || recordsBehind > 0)) behind.push(step);
    }
    if (behind.length === 0) return;
    await Promise.all(behind.filter(isScheduled).map((step) => untilAborted(runner.runNow(step), signal)));
  }
}

/** Waits until the continuous steps of a pipeline have taken what its sources have written before this call. */
export async function caughtUp({ plans, runner }: Local, pipeline: string, signal: AbortSignal): Promise<void> {
  const items = plans.filter(({ name }) => name === pipeline).flatMap(topDown);
  for (const item of items) {
    if (item.what === 'step' && isContinuous(item.step)) await untilAborted(runner.caughtUp(item.step), signal);
  }
}

async function untilEmpty({ servers, stage }: Local, step: StepPlan, signal: AbortSignal): Promise<void> {
  for (;;) {
    if ((await servers.storage.messagesIn(functionName(stage, step))) === 0) return;
    await delay(50, undefined, { signal });
  }
}

function untilAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return Promise.race([
    work,
    new Promise<never>((_, reject) => {
      signal.addEventListener('abort', () => reject(signal.reason), { once: true });
    }),
  ]);
}
