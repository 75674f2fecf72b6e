import { setTimeout as delay } from 'node:timers/promises';
import { isContinuous, isScheduled, nameOf } from '../../infra/local/runner.ts';
import type { Deployed } from './deployed.ts';
import { LONGEST_MILLIS } from './longest.ts';
import { recordsBehind } from './records-behind.ts';

const LOOK_EVERY_MILLIS = 500;

/** Waits until a condition holds. Rejects after an hour. */
export async function until(what: string, isSo: () => Promise<boolean>): Promise<void> {
  const endMillis = Date.now() + LONGEST_MILLIS;
  while (!(await isSo())) {
    if (Date.now() > endMillis)
      throw new Error(`after ${LONGEST_MILLIS / 60_000} minutes this has not happened: ${what}`);
    await delay(LOOK_EVERY_MILLIS);
  }
}

/**
 * Waits until every step has processed everything: no announcement is left, and every position is at the end of its
 * shard. Invokes scheduled steps as often as needed.
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
    throw new Error(`${error.message}; behind: ${behind.join(', ') || 'no step, but announcements are left'}`);
  });
}
