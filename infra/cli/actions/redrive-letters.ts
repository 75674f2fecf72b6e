import { REJECTION_REASONS, StaleCheckpoint, UserMistake } from '../../../functions/runtime/errors.ts';
import type { KnownLetter, StoredLetter } from '../../operation/dead-letters/dead-letters.ts';
import type { Redriven } from '../../operation/dead-letters/redrive.ts';
import type { Target } from '../../operation/target.ts';
import type { SinkPlan, StepPlan, TransformPlan } from '../../pipelines/plan.ts';
import { startOf } from '../arguments/times.ts';
import type { CommandInvocation } from '../command.ts';
import type { Asked } from '../target/find-step.ts';
import { withTarget } from '../target/with-target.ts';
import { confirmed } from './confirm.ts';

/** `millrace dead-letters redrive`: the ids, or a pipeline and a step with what to choose of it. */
export function redrive(invocation: CommandInvocation): Promise<number> {
  const { values, signal } = invocation;
  return withTarget(invocation, Number.POSITIVE_INFINITY, async (asked, { target, title }) => {
    const { begunLetters } = await import('../../operation/dead-letters/redrive.ts');
    const { whyNoneOf } = await import('../../operation/dead-letters/redrivable.ts');
    const { step, letters } = await chosen(asked, target, invocation);
    const name = `${step.pipeline}/${step.name}`;
    const whyNone = whyNoneOf(step);
    if (whyNone !== undefined || step.kind === 'source') throw new UserMistake(whyNone ?? `'${name}' is a source`);
    const begun = await begunLetters(step, target, signal);
    if (letters.length + begun === 0) {
      console.log(`${title}: no dead letters of ${name} to redrive`);
      return 0;
    }
    if (!(await confirmed(question(step, letters.length, begun), { yes: values.yes === true, signal }))) return 1;
    const done = await goThrough(step, target, { letters, signal });
    console.log(`${counted(done.appended, 'dead letter')} back in the stream, for ${name} alone (${title})`);
    if (done.fromBefore > 0) console.log(`${done.fromBefore} of them by a run that was interrupted before`);
    if (done.settledBefore > 0) console.log(`${done.settledBefore} had been redriven before: off the list now`);
    for (const { id, why } of done.refused) console.error(`${id} stays a dead letter: ${why}`);
    return done.refused.length > 0 ? 1 : 0;
  });
}

interface Chosen {
  readonly step: StepPlan;
  readonly letters: readonly StoredLetter[];
}

async function chosen(
  asked: Asked,
  target: Target,
  { positionals, values, signal }: CommandInvocation,
): Promise<Chosen> {
  const { findLetter, listLetters, readEach } = await import('../../operation/dead-letters/dead-letters.ts');
  const [first = '', second] = positionals;
  if (first.includes('/')) {
    const letters = await Promise.all(positionals.map((id) => findLetter(target, id, signal)));
    const [name = ''] = new Set(letters.map(nameOf));
    if (letters.some((letter) => nameOf(letter) !== name))
      throw new UserMistake(
        `these are dead letters of several steps: redrive those of '${name}' first, then the others`,
      );
    const [pipeline, step] = name.split('/');
    return { step: currentStep(asked, pipeline, step), letters };
  }
  const step = asked.step(positionals[0], second);
  const { all = false, reason, since, until } = values;
  if (positionals.length > 2) throw new UserMistake(`'${positionals.slice(2).join(' ')}' is too much here: see --help`);
  if (!all && reason === undefined && since === undefined && until === undefined)
    throw new UserMistake(
      'which dead letters? their ids, or a pipeline and a step with --all, --reason, --since, --until',
    );
  refuseUnknown(reason);
  const from = since === undefined ? 0 : millisOf(String(since));
  const to = until === undefined ? Number.POSITIVE_INFINITY : millisOf(String(until));
  const inTime = (
    await Array.fromAsync(listLetters(target, { pipeline: step.pipeline, step: step.name }, signal))
  ).filter(({ storedMillis }) => storedMillis >= from && storedMillis < to);
  if (reason === undefined) return { step, letters: inTime };
  const known = await readEach(target, inTime, signal);
  return { step, letters: inTime.filter((_, index) => (known[index] as KnownLetter).reason === reason) };
}

function refuseUnknown(reason: string | boolean | undefined): void {
  if (reason === undefined || REJECTION_REASONS.some((one) => one === reason)) return;
  throw new UserMistake(`there is no reason '${reason}': there are ${REJECTION_REASONS.join(', ')}`);
}

function nameOf({ id }: StoredLetter): string {
  return id.slice(0, id.lastIndexOf('/'));
}

/** A step that was renamed takes what it refused under its former name. */
function currentStep(asked: Asked, pipeline: string | undefined, name: string | undefined): StepPlan {
  const renamed = asked.plan(pipeline).steps.find(({ formerly }) => formerly !== undefined && formerly === name);
  return renamed ?? asked.step(pipeline, name);
}

function millisOf(text: string): number {
  const start = startOf(text, Date.now());
  return start === 'earliest' ? 0 : start.getTime();
}

function question(step: TransformPlan | SinkPlan, count: number, begun: number): string {
  const name = `${step.pipeline}/${step.name}`;
  const stream = step.input.stream.kind === 'own' ? `stream '${step.input.stream.name}'` : step.input.stream.arn;
  return [
    ...(begun === 0 ? [] : [`A run that was interrupted is finished first: ${counted(begun, 'dead letter')} at most.`]),
    `${counted(count, 'dead letter')} of ${name}: back to the end of ${stream}, for this step alone.`,
    'There they come after newer events of their keys: where a row is kept by key, an older event takes the place of a newer one.',
    'Redrive them?',
  ].join('\n');
}

async function goThrough(
  step: TransformPlan | SinkPlan,
  target: Target,
  { letters, signal }: { readonly letters: readonly StoredLetter[]; readonly signal: AbortSignal },
): Promise<Redriven> {
  const { redriveLetters } = await import('../../operation/dead-letters/redrive.ts');
  let last: Redriven | undefined;
  const onProgress = (soFar: Redriven): void => {
    last = soFar;
    if (letters.length > SHOWN_FROM) console.error(`${soFar.appended} of ${letters.length}`);
  };
  try {
    return await redriveLetters(step, target, { letters, onProgress, nowMillis: Date.now, signal });
  } catch (error) {
    if (error instanceof StaleCheckpoint)
      throw new UserMistake(
        `dead letters of '${step.pipeline}/${step.name}' are being redriven elsewhere: see which are left`,
      );
    if (signal.aborted)
      console.error(
        `interrupted with ${last?.appended ?? 0} back in the stream: the next redrive goes on, and doubles none`,
      );
    throw error;
  }
}

/** Fewer take no time. */
const SHOWN_FROM = 200;

function counted(count: number, what: string): string {
  return `${count.toLocaleString('en-US')} ${what}${count === 1 ? '' : 's'}`;
}
