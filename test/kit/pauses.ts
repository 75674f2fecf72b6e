import { openCheckpoints } from '../../functions/runtime/checkpoints.ts';
import { loadPause, savePause } from '../../functions/runtime/pause.ts';
import type { StepPlan } from '../../infra/pipelines/plan.ts';
import type { World } from './world.ts';

/** Pauses a step, or lets it go on, as an operator does: by what is kept beside its positions. */
export async function setPaused({ clock, stage }: World, step: StepPlan, paused: boolean): Promise<void> {
  const checkpoints = openCheckpoints({
    dynamodb: { send: stage.dynamodb.call } as never,
    table: stage.names.checkpoints,
    step: `${step.pipeline}/${step.name}`,
  });
  const { signal } = new AbortController();
  const stored = await loadPause(checkpoints, signal);
  await savePause(checkpoints, stored, { sinceMillis: paused ? clock.now() : undefined, signal });
}
