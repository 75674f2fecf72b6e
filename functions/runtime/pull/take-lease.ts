import { sleepFor } from '../log/back-off.ts';
import type { Step } from '../step.ts';
import { PULL_KEY } from './pull-state.ts';

/**
 * A run that finds the lease taken waits for it when the lease ends within this time, the shortest interval of a
 * schedule: exactly one run begins in that time, so a source that is read all the time is hardly left alone between two
 * runs. All other runs end at once.
 */
const HANDOVER_MILLIS = 60_000;
const LOOK_EVERY_MILLIS = 1_000;

/** Takes the lease of a pulled source for this run. Resolves to false when another run has it. */
export async function takeLease(
  { checkpoints, now }: Pick<Step, 'checkpoints' | 'now'>,
  {
    owner,
    untilMillis,
    signal,
  }: { readonly owner: string; readonly untilMillis: number; readonly signal: AbortSignal },
): Promise<boolean> {
  const take = () => checkpoints.lease({ key: PULL_KEY, owner, untilMillis, nowMillis: now(), signal });
  if (await take()) return true;
  const endsMillis = (await checkpoints.leasedUntil(PULL_KEY, signal)) ?? now();
  if (endsMillis - now() > HANDOVER_MILLIS) return false;
  while (now() <= endsMillis + LOOK_EVERY_MILLIS) {
    await sleepFor(LOOK_EVERY_MILLIS, signal);
    if (await take()) return true;
  }
  return false;
}
