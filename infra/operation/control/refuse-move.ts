import { UserMistake } from '../../../functions/runtime/errors.ts';
import type { ReaderPlan, TablePlan } from '../../pipelines/plan.ts';

/** Says how a table is made again. */
export const AFRESH =
  'to make it again, give the table step another name in the pipeline and deploy: the new table begins at the start of the stream';

/** Throws a `UserMistake` for a table: its rows hold what the events so far have made of them, and cannot go back. */
export function refuseMove(step: ReaderPlan): asserts step is Exclude<ReaderPlan, TablePlan> {
  if (step.kind !== 'table') return;
  throw new UserMistake(
    `${step.pipeline}/${step.name} is a table: moved back it would count events twice, and moved forward it would miss some; ${AFRESH}`,
  );
}
