import { OperatorAnswer, type ShardAnswer } from '../../../functions/runtime/operator-request.ts';
import type { ReaderPlan } from '../../pipelines/plan.ts';
import type { TargetWithFunctions } from '../target.ts';

/** Asks a step's function for its positions. The function can read them wherever they are stored. */
export async function positionsOf(
  step: ReaderPlan,
  target: TargetWithFunctions,
  signal: AbortSignal,
): Promise<readonly ShardAnswer[]> {
  return OperatorAnswer.parse(await target.invoke(step, { millrace: 'positions' }, signal)).shards;
}
