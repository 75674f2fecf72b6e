import { PullAnswer, type ShardAnswer } from '../../../functions/runtime/operator-request.ts';
import type { SinkPlan, TransformPlan } from '../../pipelines/plan.ts';
import type { PlaceWithFunctions } from '../target.ts';

/** Where a step stands in each shard, by its function, which reaches its positions wherever they are. */
export async function positionsOf(
  step: TransformPlan | SinkPlan,
  place: PlaceWithFunctions,
  signal: AbortSignal,
): Promise<readonly ShardAnswer[]> {
  return PullAnswer.parse(await place.invoke(step, { millrace: 'positions' }, signal)).shards;
}
