import { UserMistake } from '../../../functions/runtime/errors.ts';
import { askedMove, type Duplicates, planMove } from '../../operation/control/plan-move.ts';
import { continueRewind, isSame, type ProgressOptions, rewindStep } from '../../operation/control/rewind.ts';
import type { PipelineFinder } from '../../operation/find-step.ts';
import type { ReaderPlan, StepPlan } from '../../pipelines/plan.ts';
import { print, printError } from '../../terminal.ts';
import type { CommandInvocation } from '../command.ts';
import { counted } from '../reports/counted.ts';
import { moveQuestion, moveReport } from '../reports/rewind-report.ts';
import type { FoundTarget } from '../target/open-target.ts';
import { confirm } from './confirm.ts';
import { remake } from './remake-table.ts';
import { withProgress } from './with-progress.ts';

export interface StepToMove {
  readonly step: ReaderPlan;
  readonly find: PipelineFinder;
  readonly found: FoundTarget;
}

/**
 * Shows what moving a step to `--to` would do, asks, and moves it. When the last move was requested with the same
 * arguments and is unfinished, continues that one without asking. Resolves to the exit code.
 */
export async function moveStep({ step, find, found }: StepToMove, invocation: CommandInvocation): Promise<number> {
  const { values, signal } = invocation;
  const { target } = found;
  const name = nameOf(step);
  if (step.kind === 'table') return remake(step, found, invocation);
  const typed = String(values.to);
  const { request, last, continues } = await askedMove(step, target, { said: typed, shards: values.shard, signal });
  const { seen } = request;
  const move = { step, found, typed };
  if (last !== undefined && continues) {
    printError(`${name}: continuing the move that was requested at ${timeOf(last.askedMillis)}`);
    return runMove(move, invocation, (options) => continueRewind(step, target, { seen, ...options }));
  }
  const {
    shards: preview,
    isThere,
    duplicates,
  } = await planMove(step, target, { request, plans: find.plans(), signal });
  if (values.json === true) for (const shard of preview) print(JSON.stringify(shard));
  else print([`${name} (${found.title})`, '', moveReport(preview)].join('\n'));
  if (isThere) {
    if (values.json === true) print(JSON.stringify({ step: name, done: true, events: 0 }));
    else print(`${name} is already at that position: nothing to move`);
    return 0;
  }
  refuseDuplicates(step, duplicates, values);
  if (last !== undefined && isSame(last, request))
    printError(
      `${name} was already moved to ${typed} at ${timeOf(last.askedMillis)} and has caught up; this moves it again`,
    );
  else if (last !== undefined && last.phase !== 'done')
    printError(`the move of ${name} to ${last.said} is unfinished; this replaces it`);
  if (!(await confirm(moveQuestion(name, preview), { yes: values.yes === true, signal }))) return 1;
  return runMove(move, invocation, (options) => rewindStep(step, target, { request, ...options }));
}

/**
 * Throws a `UserMistake` when a replay would create duplicates: always for a sink that appends, and for a transform
 * before such a sink unless `--yes-double` is given.
 */
function refuseDuplicates(step: StepPlan, duplicates: Duplicates, values: CommandInvocation['values']): void {
  if (duplicates.of === 'sink') {
    const { what, into } = duplicates;
    throw new UserMistake(
      `${nameOf(step)} appends, so replaying would duplicate ${what}; use --into <${into}> with a new ${into}`,
    );
  }
  if (duplicates.of === 'nothing' || values['yes-double'] === true) return;
  throw new UserMistake(
    `replaying ${nameOf(step)} would create duplicates in ${duplicates.steps.map(nameOf).join(', ')}; use --yes-double to do it nevertheless`,
  );
}

async function runMove(
  { step, found: { title }, typed }: Pick<StepToMove, 'step' | 'found'> & { readonly typed: string },
  { signal, values }: CommandInvocation,
  work: (options: ProgressOptions) => Promise<boolean>,
): Promise<number> {
  const name = nameOf(step);
  const { outcome, events } = await withProgress(name, signal, work);
  if (outcome === 'paused') printError(`${name} is paused. Resume it and run the same command again to move it`);
  if (outcome !== 'done') return 1;
  if (values.json === true) print(JSON.stringify({ step: name, done: true, events }));
  else print(`${name} was moved to ${typed} and has caught up; ${counted(events, 'event')} processed (${title})`);
  return 0;
}

function timeOf(millis: number): string {
  return new Date(millis).toISOString();
}

function nameOf({ pipeline, name }: StepPlan): string {
  return `${pipeline}/${name}`;
}
