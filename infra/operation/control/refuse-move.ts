import { UserMistake } from '../../../functions/runtime/errors.ts';
import type { ReaderPlan, TablePlan } from '../../pipelines/plan.ts';

/** Says how a table is made again. */
export const AFRESH =
  'to make it again of its whole log, move it to the beginning: millrace positions <pipeline> <table> --to earliest';

/** Throws a `UserMistake` for a table: its rows hold what the events so far have made of them, and cannot go back. */
export function refuseMove(step: ReaderPlan): asserts step is Exclude<ReaderPlan, TablePlan> {
  if (step.kind !== 'table') return;
  throw new UserMistake(
    `${step.pipeline}/${step.name} is a table, made of all events of its stream so far: it can be moved to earliest only, in all shards, which makes it again of the whole log`,
  );
}
