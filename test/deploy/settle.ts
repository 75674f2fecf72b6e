import { setTimeout as delay } from 'node:timers/promises';
import { isContinuous, isScheduled, nameOf } from '../../infra/local/runner.ts';
import type { Deployed } from './deployed.ts';
import { recordsBehind } from './standing.ts';

const LOOK_EVERY_MILLIS = 500;

/** Waits for what is bound to come. It rejects long before a machine, however slow, could be the reason. */
export async function until(what: string, isSo: () => Promise<boolean>, longestMillis = 4 * 60_000): Promise<void> {
  const endMillis = Date.now() + longestMillis;
  while (!(await isSo())) {
    if (Date.now() > endMillis) throw new Error(`${what}: not so after ${longestMillis / 60_000} minutes`);
    await delay(LOOK_EVERY_MILLIS);
  }
}

/**
 * Waits until every step has done all there is: no announcement is left, and every position is at the end of its shard.
 * Scheduled steps are called as often as it takes.
 */
export async function everythingDone(deployed: Deployed): Promise<void> {
  const queues = deployed.steps.filter((step) => step.delivery === 'queue');
  const readers = deployed.steps.filter((step) => isContinuous(step) || isScheduled(step));
  let behind: string[] = [];
  await until('every step is at the end of its stream', async () => {
    for (const step of queues) if ((await deployed.announcementsOf(step)) > 0) return false;
    behind = [];
    for (const step of readers) {
      const records = await recordsBehind(step, deployed);
      if (records === 0) continue;
      behind.push(`${nameOf(step)} by ${records} records`);
      if (isScheduled(step)) await deployed.invoke(step);
    }
    return behind.length === 0;
  }).catch((error: Error) => {
    throw new Error(`${error.message}; behind: ${behind.join(', ') || 'nobody; there are announcements left'}`);
  });
}
