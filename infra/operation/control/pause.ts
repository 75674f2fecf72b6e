import { setTimeout as delay } from 'node:timers/promises';
import { shardKey } from '../../../functions/runtime/checkpoints/shard-states.ts';
import { LANES, laneKey, loadLane } from '../../../functions/runtime/items/lanes.ts';
import { describeStream } from '../../../functions/runtime/log/shards.ts';
import { FINISHING_MILLIS } from '../../../functions/runtime/pause/drain.ts';
import { inForceMillis, isAtRest, loadPause, savePause } from '../../../functions/runtime/pause/pause.ts';
import { loadPull, PULL_KEY } from '../../../functions/runtime/pull/pull-state.ts';
import { LIMITS } from '../../delivery.ts';
import type { StepPlan } from '../../pipelines/plan.ts';
import { stepStatus } from '../status/status.ts';
import { checkpointsOf, type Target } from '../target.ts';

export interface WaitOptions {
  /** Called with the shards or lanes, or the source itself, that are still in flight, whenever they change. */
  readonly onProgress: (inFlight: readonly string[]) => void;
  readonly signal: AbortSignal;
}

export interface PauseResult {
  /** The step had been paused before this call. */
  readonly wasPaused: boolean;
  /** Shards or lanes whose last batch could not be finished. Code deployed now may process that batch twice. */
  readonly unfinished: readonly string[];
  /** What a pulled source says of itself, such as how much a database keeps for it. */
  readonly note?: string;
}

/**
 * Pauses a step, and resolves when no batch is in flight. It is then safe to deploy: no event is processed twice. The
 * pause is stored first, and stays when the wait is interrupted.
 */
export async function pauseStep(step: StepPlan, target: Target, options: WaitOptions): Promise<PauseResult> {
  const { signal } = options;
  const checkpoints = checkpointsOf(step, target);
  const stored = await loadPause(checkpoints, signal);
  const wasPaused = stored.sinceMillis !== undefined;
  const { revision, sinceMillis = 0 } = wasPaused
    ? stored
    : await savePause(checkpoints, stored, { sinceMillis: Date.now(), signal });
  const unfinished = await waitUntilIdle(step, target, { pause: { revision, sinceMillis }, options });
  if (step.delivery !== 'pulled') return { wasPaused, unfinished };
  const { state } = await loadPull(checkpoints, { nowMillis: Date.now(), signal });
  return { wasPaused, unfinished, ...(state.note === undefined ? {} : { note: state.note }) };
}

/** Ends a step's pause. Resolves to false when the step was not paused. */
export async function resumeStep(step: StepPlan, target: Target, signal: AbortSignal): Promise<boolean> {
  const checkpoints = checkpointsOf(step, target);
  const stored = await loadPause(checkpoints, signal);
  if (stored.sinceMillis === undefined) return false;
  await savePause(checkpoints, stored, { sinceMillis: undefined, signal });
  return true;
}

const CHECK_EVERY_MILLIS = 500;

interface CheckOptions {
  readonly pause: { readonly revision: number; readonly sinceMillis: number };
  readonly signal: AbortSignal;
}

/**
 * Waits until nothing is in flight, or until no invocation that started before the pause can still be alive. Resolves
 * to the shards or lanes that are in flight then.
 */
async function waitUntilIdle(
  step: StepPlan,
  target: Target,
  { pause, options }: Pick<CheckOptions, 'pause'> & { readonly options: WaitOptions },
): Promise<readonly string[]> {
  const { onProgress, signal } = options;
  const inForce = inForceMillis(pause);
  const deadlineMillis = inForce + FINISHING_MILLIS + LIMITS[step.delivery].timeoutSeconds * 1_000;
  await delay(Math.max(0, inForce - Date.now()), undefined, { signal });
  for (let before = ''; ; ) {
    const inFlight = await inFlightOf(step, target, { pause, signal });
    if (inFlight.length === 0 || Date.now() >= deadlineMillis) return inFlight;
    if (inFlight.join() !== before) onProgress(inFlight);
    before = inFlight.join();
    await delay(CHECK_EVERY_MILLIS, undefined, { signal });
  }
}

async function inFlightOf(step: StepPlan, target: Target, options: CheckOptions): Promise<readonly string[]> {
  switch (step.delivery) {
    case 'continuous':
      return shardsInFlight(step, target, options);
    case 'scheduled': {
      const { kinesis } = target.clients;
      const shape = await describeStream(kinesis, target.streamName(step.input.stream), options.signal);
      const keys = shape.shards.map(({ id }) => shardKey(shape, id));
      return filterAsync(keys, (key) => isLeased(step, target, { key, signal: options.signal }));
    }
    case 'queue':
      return lanesInFlight(step, target, options);
    case 'pulled':
      return filterAsync([PULL_KEY], (key) => isRunning(step, target, { key, ...options }));
    case 'request':
      // A request that was accepted is appended, whatever is deployed meanwhile.
      return [];
  }
}

/**
 * Finds the shards with a batch in flight. Such a batch lies after the position, and so does output that was sent
 * before a failed attempt to move the position. So nothing is in flight when no record lies after the position, or when
 * the step has noted that it holds the shard. A sink that moves its rows and its position in one transaction has
 * nothing in flight, so a database that does not answer from here is no reason to wait.
 */
async function shardsInFlight(
  step: StepPlan,
  target: Target,
  { pause, signal }: CheckOptions,
): Promise<readonly string[]> {
  const checkpoints = checkpointsOf(step, target);
  const statuses = await stepStatus(step, target, signal);
  const behind = statuses.filter(
    ({ recordsBehind }) => recordsBehind !== 0 && !(step.kind !== 'transform' && recordsBehind === undefined),
  );
  const shards = behind.map(({ shard = '' }) => shard);
  return filterAsync(shards, async (of) => !(await isAtRest(checkpoints, { of, pause: pause.revision, signal })));
}

/** Finds the lanes that an invocation has leased, or that are in the middle of an item and not noted as at rest. */
async function lanesInFlight(
  step: StepPlan,
  target: Target,
  { pause, signal }: CheckOptions,
): Promise<readonly string[]> {
  const checkpoints = checkpointsOf(step, target);
  const lanes = Array.from({ length: LANES }, (_, lane) => laneKey(lane));
  return filterAsync(lanes, async (key) => {
    if (await isLeased(step, target, { key, signal })) return true;
    const { state } = await loadLane(checkpoints, key, signal);
    return state.current !== undefined && !(await isAtRest(checkpoints, { of: key, pause: pause.revision, signal }));
  });
}

/** Tells whether a run reads the source, or has died and may have left a page that is not finished yet. */
async function isRunning(
  step: StepPlan,
  target: Target,
  { key, pause, signal }: CheckOptions & { readonly key: string },
): Promise<boolean> {
  if (await isLeased(step, target, { key, signal })) return true;
  const checkpoints = checkpointsOf(step, target);
  const { state } = await loadPull(checkpoints, { nowMillis: Date.now(), signal });
  return state.open && !(await isAtRest(checkpoints, { of: key, pause: pause.revision, signal }));
}

async function isLeased(
  step: StepPlan,
  target: Target,
  { key, signal }: { readonly key: string; readonly signal: AbortSignal },
): Promise<boolean> {
  return ((await checkpointsOf(step, target).leasedUntil(key, signal)) ?? 0) > Date.now();
}

async function filterAsync(
  all: readonly string[],
  isIncluded: (item: string) => Promise<boolean>,
): Promise<readonly string[]> {
  const included = await Promise.all(all.map(isIncluded));
  return all.filter((_, index) => included[index]);
}
