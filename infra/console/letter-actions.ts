import { z } from 'zod';
import { StaleCheckpoint, UserMistake } from '../../functions/runtime/errors.ts';
import {
  discardLetters,
  findLetter,
  listLetters,
  readEach,
  readLetter,
  type StoredLetter,
} from '../operation/dead-letters/dead-letters.ts';
import { eventOfLetter, mendLetter, parseData } from '../operation/dead-letters/mend.ts';
import { whyStepCannotRedrive } from '../operation/dead-letters/redrivable.ts';
import { redriveLetters } from '../operation/dead-letters/redrive.ts';
import { runAgain, transformOf } from '../operation/lineage/run-again.ts';
import { withData } from '../operation/lineage/with-data.ts';
import type { StepPlan } from '../pipelines/plan.ts';
import { type AskedAct, done, parseBody, refuseReadOnly } from './act.ts';
import type { DoneAnswer, TriedAnswer } from './action-answers.ts';
import type { Asked } from './asked.ts';
import { shownOutputs } from './run-action.ts';
import type { ConsoleSource } from './source.ts';

/** Which letters of a step: all, those with a reason, or one. */
const Which = z.union([
  z.strictObject({ id: z.string().min(1) }),
  z.strictObject({ all: z.literal(true), reason: z.string().optional() }),
]);

/** Appends dead letters again, for their step only. Goes on when the page is closed, until the console ends. */
export async function redriveAct(source: ConsoleSource, asked: AskedAct, lasting: AbortSignal): Promise<DoneAnswer> {
  refuseReadOnly(source);
  const { which } = parseBody(z.strictObject({ which: Which }), asked);
  const step = stepOf(source, asked);
  const name = `${step.pipeline}/${step.name}`;
  const obstacle = whyStepCannotRedrive(step);
  if (obstacle !== undefined || step.kind === 'source') throw new UserMistake(obstacle ?? `'${name}' is a source`);
  const letters = await lettersOf(source, asked, which);
  const options = { letters, onProgress: () => undefined, nowMillis: Date.now, signal: lasting };
  const { appended, settledBefore, refused } = await redriveLetters(step, source.target, options).catch((error) => {
    if (error instanceof StaleCheckpoint)
      throw new UserMistake(`another command is redriving dead letters of '${name}'`);
    throw error;
  });
  const [first] = refused;
  const more = [
    ...(settledBefore === 0 ? [] : [`${settledBefore} had been redriven before and were taken off the list`]),
    ...(first === undefined ? [] : [`${refused.length} remain: ${first.why}`]),
  ];
  return done(source, [`${letterCount(appended)} redriven to ${name}`, ...more].join('; '));
}

/** Takes dead letters off the list, with a reason that is kept. */
export async function discardAct(source: ConsoleSource, asked: AskedAct): Promise<DoneAnswer> {
  refuseReadOnly(source);
  const Discard = z.strictObject({ which: Which, why: z.string().trim().min(1, 'is empty: say why, for the record') });
  const { which, why } = parseBody(Discard, asked);
  const letters = await lettersOf(source, asked, which);
  await discardLetters(source.target, letters, { reason: why, nowMillis: Date.now(), signal: asked.signal });
  return done(source, `${letterCount(letters.length)} of ${asked.named.pipeline}/${asked.named.step} discarded`);
}

const Mended = z.strictObject({ data: z.string() });

/** Gives a dead letter other data. It stays on the list, and can be redriven then. */
export async function mendAct(source: ConsoleSource, asked: AskedAct): Promise<DoneAnswer> {
  refuseReadOnly(source);
  refuseHidden(source);
  const id = idOf(asked);
  const data = parseData(parseBody(Mended, asked).data);
  const stored = await findLetter(source.target, id, asked.signal);
  await mendLetter(source.target, stored, { data, nowMillis: Date.now(), signal: asked.signal });
  return done(source, `the data of dead letter ${id} is changed; redrive it, so that its step gets it`);
}

/** Tells what the step of a dead letter would make of it with this data. Nothing is stored or appended. */
export async function tryMendedAct(source: ConsoleSource, asked: AskedAct): Promise<TriedAnswer> {
  refuseHidden(source);
  const { target, find } = source;
  const dataBytes = parseData(parseBody(Mended, asked).data);
  const stored = await findLetter(target, idOf(asked), asked.signal);
  const letter = await readLetter(target, stored.key, asked.signal);
  const step = stepOf(source, asked);
  const event = withData(eventOfLetter(letter), dataBytes);
  if (step.kind === 'transform')
    return shownOutputs(runAgain(await transformOf(step, find.transforms(step.pipeline)), event));
  const schema = step.kind === 'source' ? undefined : step.input.stream.schema;
  const parsed = schema?.safeParse(event.data);
  if (parsed === undefined || parsed.success) return { outcome: 'fits' };
  return { outcome: 'refused', why: z.prettifyError(parsed.error) };
}

async function lettersOf(
  { target }: ConsoleSource,
  { named, signal }: Asked,
  which: z.infer<typeof Which>,
): Promise<readonly StoredLetter[]> {
  const { pipeline = '', step } = named;
  if ('id' in which) {
    if (!which.id.startsWith(`${pipeline}/${step}/`))
      throw new UserMistake(`the dead letter '${which.id}' is not of ${pipeline}/${step}`);
    return [await findLetter(target, which.id, signal)];
  }
  const all = await Array.fromAsync(listLetters(target, { pipeline, step }, signal));
  if (which.reason === undefined) return all;
  const known = await readEach(target, all, signal);
  const ids = new Set(known.filter(({ reason }) => reason === which.reason).map(({ id }) => id));
  return all.filter(({ id }) => ids.has(id));
}

function stepOf({ find }: ConsoleSource, { named }: Asked): StepPlan {
  const { pipeline, step } = named;
  const renamed = find.plan(pipeline).steps.find(({ formerly }) => formerly !== undefined && formerly === step);
  return renamed ?? find.step(pipeline, step);
}

function idOf({ named }: Asked): string {
  return `${named.pipeline}/${named.step}/${named.hash}`;
}

/** The page does not have the data, and the outcome of a run may show it. */
function refuseHidden({ hidesData }: ConsoleSource): void {
  if (hidesData)
    throw new UserMistake('with --hide-data nobody sees the data of dead letters, so nobody can mend it here');
}

function letterCount(count: number): string {
  return `${count.toLocaleString('en-US')} dead letter${count === 1 ? '' : 's'}`;
}
