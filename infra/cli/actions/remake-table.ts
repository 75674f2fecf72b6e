import { randomUUID } from 'node:crypto';
import { refuseMove } from '../../operation/control/refuse-move.ts';
import { remakeTable } from '../../operation/control/remake-table.ts';
import type { TablePlan } from '../../pipelines/plan.ts';
import { print, printError } from '../../terminal.ts';
import type { CommandInvocation } from '../command.ts';
import type { FoundTarget } from '../target/open-target.ts';
import { confirm } from './confirm.ts';
import { withProgress } from './with-progress.ts';

/**
 * Makes a table again of its whole log: what moving its step back to the earliest record means. Its rows are made of
 * all events so far, so they can be moved to no other position. Resolves to the exit code.
 */
export async function remake(
  step: TablePlan,
  { target, title }: FoundTarget,
  { values, signal }: CommandInvocation,
): Promise<number> {
  const name = `${step.pipeline}/${step.name}`;
  if (values.to !== 'earliest' || values.shard !== undefined) refuseMove(step);
  const question = `${name} is made again of its whole log. Until that is done its rows stand still, and its events wait. Make it again?`;
  if (!(await confirm(question, { yes: values.yes === true, signal }))) return 1;
  const id = randomUUID();
  const { outcome } = await withProgress(name, signal, (options) => remakeTable(step, target, { id, ...options }));
  if (outcome === 'paused') printError(`${name} is paused. Resume it and run the same command again`);
  if (outcome !== 'done') return 1;
  if (values.json === true) print(JSON.stringify({ step: name, done: true }));
  else print(`${name} was made again (${title})`);
  return 0;
}
