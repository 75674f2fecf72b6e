import type { TablePlan } from '../../pipelines/plan.ts';
import type { TargetWithFunctions } from '../target.ts';
import { callUntilDone, type ProgressOptions } from './rewind.ts';

/**
 * Asks a table's step to make the table again of its whole log, with the code that it has, and calls its function until
 * that is done. Resolves to false when the step is paused. After an interruption the step goes on with its next batch,
 * and so does the same call.
 */
export function remakeTable(
  step: TablePlan,
  target: TargetWithFunctions,
  { id, ...options }: ProgressOptions & { readonly id: string },
): Promise<boolean> {
  return callUntilDone(step, target, { request: { millrace: 'rebuild', id }, ...options });
}
