import { setTimeout as delay } from 'node:timers/promises';
import { shardKey } from '../../../functions/runtime/checkpoints/shard-states.ts';
import { LANES, laneKey, loadLane } from '../../../functions/runtime/items/lanes.ts';
import { describeStream } from '../../../functions/runtime/log/shards.ts';
import { FINISHING_MILLIS } from '../../../functions/runtime/pause/drain.ts';
import { inForceMillis, isHeld, loadPause, savePause } from '../../../functions/runtime/pause/pause.ts';
import { LIMITS } from '../../delivery.ts';
import type { StepPlan } from '../../pipelines/plan.ts';
import { standingOf } from '../status/status.ts';
import { checkpointsOf, type Target } from '../target.ts';

export interface Waiting {
  /** Told what is still in flight, whenever that changes. */
  readonly onProgress: (inFlight: readonly string[]) => void;
  readonly signal: AbortSignal;
}

export interface Paused {
  /** It was paused already. */
  readonly before: boolean;
  /** Shards or lanes whose last batch could not be finished: what is deployed now may double that. */
  readonly unfinished: readonly string[];
}

/**
 * Pauses a step, and resolves when nothing of it is in flight any more: what is deployed after that doubles nothing.
 * The pause is set at once, and stays when the wait is interrupted.
 */
export async function pauseStep(step: StepPlan, target: Target, waiting: Waiting): Promise<Paused> {
  const { signal } = waiting;
  const checkpoints = checkpointsOf(step, target);
  const stored = await loadPause(checkpoints, signal);
  const before = stored.sinceMillis !== undefined;
  const { revision, sinceMillis = 0 } = before
    ? stored
    : await savePause(checkpoints, stored, { sinceMillis: Date.now(), signal });
  return { before, unfinished: await untilAtRest(step, target, { pause: { revision, sinceMillis }, waiting }) };
}

/** False when the step was not paused. */
export async function resumeStep(step: StepPlan, target: Target, signal: AbortSignal): Promise<boolean> {
  const checkpoints = checkpointsOf(step, target);
  const before = await loadPause(checkpoints, signal);
  if (before.sinceMillis === undefined) return false;
  await savePause(checkpoints, before, { sinceMillis: undefined, signal });
  return true;
}

const LOOK_EVERY_MILLIS = 500;

interface Look {
  readonly pause: { readonly revision: number; readonly sinceMillis: number };
  readonly signal: AbortSignal;
}

/** Resolves to what is not at rest when nothing of before the pause can be alive any more. */
async function untilAtRest(
  step: StepPlan,
  target: Target,
  { pause, waiting }: Pick<Look, 'pause'> & { readonly waiting: Waiting },
): Promise<readonly string[]> {
  const { onProgress, signal } = waiting;
  const inForce = inForceMillis(pause);
  const over = inForce + FINISHING_MILLIS + LIMITS[step.delivery].timeoutSeconds * 1_000;
  await delay(Math.max(0, inForce - Date.now()), undefined, { signal });
  for (let before = ''; ; ) {
    const inFlight = await inFlightOf(step, target, { pause, signal });
    if (inFlight.length === 0 || Date.now() >= over) return inFlight;
    if (inFlight.join() !== before) onProgress(inFlight);
    before = inFlight.join();
    await delay(LOOK_EVERY_MILLIS, undefined, { signal });
  }
}

async function inFlightOf(step: StepPlan, target: Target, look: Look): Promise<readonly string[]> {
  switch (step.delivery) {
    case 'continuous':
      return shardsInFlight(step, target, look);
    case 'scheduled': {
      const { kinesis } = target.clients;
      const shape = await describeStream(kinesis, target.streamName(step.input.stream), look.signal);
      const keys = shape.shards.map(({ id }) => shardKey(shape, id));
      return chosen(keys, (key) => isLeased(step, target, { key, signal: look.signal }));
    }
    case 'queue':
      return lanesInFlight(step, target, look);
    case 'request':
      // A request that was taken is appended, whoever is deployed meanwhile.
      return [];
  }
}

/**
 * A batch in flight is after the position, and so is all that was sent without the position having moved. So a shard is
 * at rest when nothing is after its position, or when the step has said so. Rows that move at once with their position
 * are at rest anyway: a database that does not answer here is not waited for.
 */
async function shardsInFlight(step: StepPlan, target: Target, { pause, signal }: Look): Promise<readonly string[]> {
  const checkpoints = checkpointsOf(step, target);
  const standings = await standingOf(step, target, signal);
  const behind = standings.filter(
    ({ recordsBehind }) => recordsBehind !== 0 && !(step.kind === 'sink' && recordsBehind === undefined),
  );
  const shards = behind.map(({ shard = '' }) => shard);
  return chosen(shards, async (of) => !(await isHeld(checkpoints, { of, pause: pause.revision, signal })));
}

/** A lane is at rest when no invocation has it, and it is between two items, or has said so. */
async function lanesInFlight(step: StepPlan, target: Target, { pause, signal }: Look): Promise<readonly string[]> {
  const checkpoints = checkpointsOf(step, target);
  const lanes = Array.from({ length: LANES }, (_, lane) => laneKey(lane));
  return chosen(lanes, async (key) => {
    if (await isLeased(step, target, { key, signal })) return true;
    const { state } = await loadLane(checkpoints, key, signal);
    return state.current !== undefined && !(await isHeld(checkpoints, { of: key, pause: pause.revision, signal }));
  });
}

async function isLeased(
  step: StepPlan,
  target: Target,
  { key, signal }: { readonly key: string; readonly signal: AbortSignal },
): Promise<boolean> {
  return ((await checkpointsOf(step, target).leasedUntil(key, signal)) ?? 0) > Date.now();
}

async function chosen(all: readonly string[], isOne: (one: string) => Promise<boolean>): Promise<readonly string[]> {
  const found = await Promise.all(all.map(isOne));
  return all.filter((_, index) => found[index]);
}
