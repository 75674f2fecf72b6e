import { REJECTION_REASONS, StaleCheckpoint, UserMistake } from '../../../functions/runtime/errors.ts';
import type { KnownLetter, StoredLetter } from '../../operation/dead-letters/dead-letters.ts';
import type { Redriven } from '../../operation/dead-letters/redrive.ts';
import type { PipelineFinder } from '../../operation/find-step.ts';
import type { Target } from '../../operation/target.ts';
import { parseStart } from '../../operation/times.ts';
import type { ReaderPlan, StepPlan } from '../../pipelines/plan.ts';
import { print, printError } from '../../terminal.ts';
import { refuseSurplus } from '../arguments/surplus.ts';
import type { CommandInvocation } from '../command.ts';
import { counted } from '../reports/counted.ts';
import { withTarget } from '../target/with-target.ts';
import { confirm } from './confirm.ts';

/** Runs `millrace dead-letters redrive`. Its arguments are ids, or a pipeline and a step with options that select. */
export function redrive(invocation: CommandInvocation): Promise<number> {
  const { values, signal } = invocation;
  return withTarget(invocation, Number.POSITIVE_INFINITY, async (find, { target, title }) => {
    const { unfinishedRedrive } = await import('../../operation/dead-letters/redrive.ts');
    const { whyStepCannotRedrive } = await import('../../operation/dead-letters/redrivable.ts');
    const { step, letters } = await selectLetters(find, target, invocation);
    const name = `${step.pipeline}/${step.name}`;
    const obstacle = whyStepCannotRedrive(step);
    if (obstacle !== undefined || step.kind === 'source') throw new UserMistake(obstacle ?? `'${name}' is a source`);
    const unfinished = await unfinishedRedrive(step, target, signal);
    if (letters.length + unfinished === 0) {
      print(`${title}: ${name} has no such dead letters to redrive`);
      return 0;
    }
    if (!(await confirm(question(step, letters.length, unfinished), { yes: values.yes === true, signal }))) return 1;
    const done = await redriveWithProgress(step, target, { letters, signal });
    print(`${counted(done.appended, 'dead letter')} redriven to ${name} (${title})`);
    if (done.fromBefore > 0) print(`${done.fromBefore} of them finish an interrupted redrive`);
    if (done.settledBefore > 0)
      print(`${done.settledBefore} had already been redriven and were only removed from the list`);
    for (const { id, why } of done.refused) printError(`${id} remains a dead letter: ${why}`);
    return done.refused.length > 0 ? 1 : 0;
  });
}

interface Selection {
  readonly step: StepPlan;
  readonly letters: readonly StoredLetter[];
}

async function selectLetters(
  find: PipelineFinder,
  target: Target,
  { name, positionals, values, signal }: CommandInvocation,
): Promise<Selection> {
  const { findLetter, listLetters, readEach } = await import('../../operation/dead-letters/dead-letters.ts');
  const [first = '', second] = positionals;
  if (first.includes('/')) {
    const letters = await Promise.all(positionals.map((id) => findLetter(target, id, signal)));
    const [stepName = ''] = new Set(letters.map(nameOf));
    if (letters.some((letter) => nameOf(letter) !== stepName))
      throw new UserMistake(
        `these dead letters belong to several steps; redrive those of '${stepName}' first, then the others`,
      );
    const [pipeline, step] = stepName.split('/');
    return { step: currentStep(find, pipeline, step), letters };
  }
  const step = find.step(positionals[0], second);
  const { all = false, reason, since, until } = values;
  refuseSurplus({ name, positionals }, 2);
  if (!all && reason === undefined && since === undefined && until === undefined)
    throw new UserMistake(
      'missing selection; name ids, or a pipeline and a step with --all, --reason, --since or --until',
    );
  refuseUnknownReason(reason);
  const from = since === undefined ? 0 : millisOf(String(since));
  const to = until === undefined ? Number.POSITIVE_INFINITY : millisOf(String(until));
  const inRange = (
    await Array.fromAsync(listLetters(target, { pipeline: step.pipeline, step: step.name }, signal))
  ).filter(({ storedMillis }) => storedMillis >= from && storedMillis < to);
  if (reason === undefined) return { step, letters: inRange };
  const known = await readEach(target, inRange, signal);
  return { step, letters: inRange.filter((_, index) => (known[index] as KnownLetter).reason === reason) };
}

function refuseUnknownReason(reason: string | boolean | undefined): void {
  if (reason === undefined || REJECTION_REASONS.some((one) => one === reason)) return;
  throw new UserMistake(`unknown reason '${reason}'; use one of ${REJECTION_REASONS.join(', ')}`);
}

function nameOf({ id }: StoredLetter): string {
  return id.slice(0, id.lastIndexOf('/'));
}

/** Finds the step of a dead letter: by its name, or as the step that was renamed from that name. */
function currentStep(find: PipelineFinder, pipeline: string | undefined, name: string | undefined): StepPlan {
  const renamed = find.plan(pipeline).steps.find(({ formerly }) => formerly !== undefined && formerly === name);
  return renamed ?? find.step(pipeline, name);
}

function millisOf(text: string): number {
  const start = parseStart(text, Date.now());
  return start === 'earliest' ? 0 : start.getTime();
}

function question(step: ReaderPlan, count: number, unfinished: number): string {
  const name = `${step.pipeline}/${step.name}`;
  const stream = step.input.stream.kind === 'own' ? `stream '${step.input.stream.name}'` : step.input.stream.arn;
  return [
    ...(unfinished === 0
      ? []
      : [`An interrupted redrive is finished first (at most ${counted(unfinished, 'dead letter')}).`]),
    `${counted(count, 'dead letter')} of ${name} will be appended to the end of ${stream}, for this step only.`,
    'They will come after newer events with the same keys: in a table with a key, an older event overwrites a newer one.',
    'Redrive?',
  ].join('\n');
}

async function redriveWithProgress(
  step: ReaderPlan,
  target: Target,
  { letters, signal }: { readonly letters: readonly StoredLetter[]; readonly signal: AbortSignal },
): Promise<Redriven> {
  const { redriveLetters } = await import('../../operation/dead-letters/redrive.ts');
  let last: Redriven | undefined;
  const onProgress = (soFar: Redriven): void => {
    last = soFar;
    if (letters.length > SHOWN_FROM) printError(`${soFar.appended} of ${letters.length} redriven`);
  };
  try {
    return await redriveLetters(step, target, { letters, onProgress, nowMillis: Date.now, signal });
  } catch (error) {
    if (error instanceof StaleCheckpoint)
      throw new UserMistake(
        `another command is redriving dead letters of '${step.pipeline}/${step.name}'; run millrace dead-letters ${step.pipeline} ${step.name} to see which are left`,
      );
    if (signal.aborted)
      printError(
        `interrupted after ${counted(last?.appended ?? 0, 'dead letter')}. The next redrive of this step continues: no event is appended twice`,
      );
    throw error;
  }
}

/** With fewer dead letters, the redrive is over before anyone reads its progress. */
const SHOWN_FROM = 200;
