import { OperatorAnswer, type ShardAnswer } from '../../../functions/runtime/operator-request.ts';
import type { SinkPlan, TransformPlan } from '../../pipelines/plan.ts';
import type { TargetWithFunctions } from '../target.ts';

/** Where a step stands in each shard, by its function, which reaches its positions wherever they are. */
export async function positionsOf(
  step: TransformPlan | SinkPlan,
  target: TargetWithFunctions,
  signal: AbortSignal,
): Promise<readonly ShardAnswer[]> {
  return OperatorAnswer.parse(await target.invoke(step, { millrace: 'positions' }, signal)).shards;
}
