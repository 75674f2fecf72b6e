import { setTimeout as delay } from 'node:timers/promises';
import { LANES, laneKey } from '../../functions/runtime/lanes.ts';
import { BELIEVED_MILLIS, isHeld, loadPause, type StoredPause, savePause } from '../../functions/runtime/pause.ts';
import { shardKey } from '../../functions/runtime/shard-states.ts';
import { describeStream } from '../../functions/runtime/shards.ts';
import { LIMITS } from '../delivery.ts';
import type { StepPlan } from '../pipelines/plan.ts';
import { checkpointsOf, type Place } from './place.ts';
import { standingOf } from './standing.ts';

export interface Waiting {
  /** Told what is still in flight, whenever that changes. */
  readonly told: (inFlight: readonly string[]) => void;
  readonly signal: AbortSignal;
}

/**
 * Pauses a step, and resolves when nothing of it is in flight any more: what is deployed after that doubles nothing. The pause is set at
 * once, and stays when the wait is interrupted. False when the step was paused already.
 */
export async function pauseStep(step: StepPlan, place: Place, waiting: Waiting): Promise<boolean> {
  const { signal } = waiting;
  const checkpoints = checkpointsOf(step, place);
  const before = await loadPause(checkpoints, signal);
  const isNew = before.paused === undefined;
  const pause = isNew ? await savePause(checkpoints, before, { sinceMillis: Date.now(), signal }) : before;
  await restOf(step, place, { pause, waiting });
  return isNew;
}

/** False when the step was not paused. */
export async function resumeStep(step: StepPlan, place: Place, signal: AbortSignal): Promise<boolean> {
  const checkpoints = checkpointsOf(step, place);
  const before = await loadPause(checkpoints, signal);
  if (before.paused === undefined) return false;
  await savePause(checkpoints, before, { sinceMillis: undefined, signal });
  return true;
}

const LOOK_EVERY_MILLIS = 500;

async function restOf(
  step: StepPlan,
  place: Place,
  { pause, waiting }: { readonly pause: StoredPause; readonly waiting: Waiting },
): Promise<void> {
  const { told, signal } = waiting;
  const sinceMillis = pause.paused?.sinceMillis ?? 0;
  // Until then an invocation may begin that has not heard of the pause; and none of those outlives a function's longest time.
  const inForceMillis = sinceMillis + BELIEVED_MILLIS + MARGIN_MILLIS;
  const overMillis = inForceMillis + LIMITS[step.delivery].timeoutSeconds * 1_000;
  await delay(Math.max(0, inForceMillis - Date.now()), undefined, { signal });
  let last = '';
  while (Date.now() < overMillis) {
    const inFlight = await inFlightOf(step, place, { pause, signal });
    if (inFlight.length === 0) return;
    if (inFlight.join() !== last) told(inFlight);
    last = inFlight.join();
    await delay(LOOK_EVERY_MILLIS, undefined, { signal });
  }
}

/** Between the clocks of two machines. */
const MARGIN_MILLIS = 1_000;

async function inFlightOf(
  step: StepPlan,
  place: Place,
  { pause, signal }: { readonly pause: StoredPause; readonly signal: AbortSignal },
): Promise<readonly string[]> {
  switch (step.delivery) {
    case 'continuous':
      return shardsInFlight(step, place, { pause, signal });
    case 'scheduled': {
      const { kinesis } = place.clients;
      const shape = await describeStream(kinesis, place.streamName(step.input.stream), signal);
      return leased(step, place, { keys: shape.shards.map(({ id }) => shardKey(shape, id)), signal });
    }
    case 'queue':
      return leased(step, place, { keys: Array.from({ length: LANES }, (_, lane) => laneKey(lane)), signal });
    case 'request':
      // A request that was taken is appended, whoever is deployed meanwhile.
      return [];
  }
}

/**
 * A batch in flight is after the position. So a shard is at rest when nothing is after its position, or when its mapping, which has one
 * invocation a shard, has offered it in this pause and was refused.
 */
async function shardsInFlight(
  step: StepPlan,
  place: Place,
  { pause, signal }: { readonly pause: StoredPause; readonly signal: AbortSignal },
): Promise<readonly string[]> {
  const checkpoints = checkpointsOf(step, place);
  const inFlight: string[] = [];
  for (const { shard: shardId = '', recordsBehind } of await standingOf(step, place, signal)) {
    if (recordsBehind === 0 || (await isHeld(checkpoints, { shardId, pause: pause.revision, signal }))) continue;
    inFlight.push(shardId);
  }
  return inFlight;
}

async function leased(
  step: StepPlan,
  place: Place,
  { keys, signal }: { readonly keys: readonly string[]; readonly signal: AbortSignal },
): Promise<readonly string[]> {
  const checkpoints = checkpointsOf(step, place);
  const held: string[] = [];
  for (const key of keys) if (((await checkpoints.leasedUntil(key, signal)) ?? 0) > Date.now()) held.push(key);
  return held;
}
