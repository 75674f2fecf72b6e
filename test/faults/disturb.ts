import type { DeadLetter } from '../../functions/runtime/dead-letters/dead-letter.ts';
import type { Transform } from '../../functions/runtime/transform.ts';
import { minutes } from '../../infra/pipelines/pipeline.ts';
import type { Action, RedriveAction } from './action.ts';
import type { Disturbance } from './cells.ts';
import { changedTransforms, fixedTransforms, isItem, type Refusing, type Run } from './chain.ts';
import { dataOf, textOf } from './expected.ts';
import type { Input } from './input.ts';
import { LONGEST, settled } from './settled.ts';

/** Performs a disturbance of a whole step, and notes what the oracle has to allow because of it. */
export async function disturb(
  run: Run,
  disturbance: Extract<Action, { readonly what: Exclude<Disturbance['what'], 'poison'> | 'resume' | 'fix' }>,
  input: Input,
): Promise<void> {
  const { when } = run;
  switch (disturbance.what) {
    case 'kill':
      return when.killed(disturbance.step);
    case 'recut':
      return when.recut(disturbance.step);
    case 'down':
      return when.down(disturbance.site, disturbance.time);
    case 'pause':
      await when.paused(disturbance.step);
      return;
    case 'resume':
      return when.resumed(disturbance.step);
    case 'deploy':
      input.isChanged = true;
      return disturbance.when === 'paused'
        ? deployInPause(run, disturbance.step, { transforms: changedTransforms, input })
        : deployAtWork(run, disturbance, input);
    case 'rewind':
      return rewind(run, disturbance, input);
    case 'fix':
      return fix(run, disturbance.step, input);
    case 'redrive':
      return redrive(run, disturbance, input);
  }
}

type Changed = keyof typeof changedTransforms;

async function deployInPause(
  run: Run,
  step: Changed,
  {
    transforms,
    input,
  }: { readonly transforms: Readonly<Record<Changed, Pick<Transform, 'run'>>>; readonly input: Input },
): Promise<void> {
  const unfinished = await run.when.paused(step);
  if (unfinished.length > 0) mayDouble(input);
  run.when.deployed(step, transforms[step]);
  await run.when.resumed(step);
}

/** Deploys during an append. Readers may get the batch in flight twice. */
async function deployAtWork(
  run: Run,
  { step, after }: { readonly step: Changed; readonly after: number },
  input: Input,
): Promise<void> {
  const during = { site: `${step} kinesis.PutRecords`, after };
  void run.when.deployedDuring(during, step, changedTransforms[step]).then(() => mayDouble(input));
}

async function rewind(
  run: Run,
  { step, to }: { readonly step: 'latest' | Changed; readonly to: 'earliest' | 'middle' },
  input: Input,
): Promise<void> {
  const givenUntil = run.now() - minutes(2);
  // Otherwise the rewind would skip records that were not processed yet.
  if (to === 'middle') await run.settled({ within: LONGEST });
  // For the table: after the newest rows, and before some of the older rows that arrive again.
  const middle = step === 'latest' ? givenUntil + 15_000 + (givenUntil % 20_000) : (START_MILLIS + givenUntil) / 2;
  const done = doneByTransforms(run);
  await run.when.rewound(step, to === 'earliest' ? to : { millis: Math.floor(middle) });
  if (step === 'latest') return;
  mayDouble(input);
  if (to === 'earliest') for (const n of done) input.mustDouble.add(n);
}

/** Fixes a step once it has processed everything: so all that it rejects is a dead letter already. */
async function fix(run: Run, step: Refusing, input: Input): Promise<void> {
  await settled(run);
  input.fixed.set(step, { before: new Set(input.given), redriven: new Set() });
  if (step === 'first' || step === 'second') await deployInPause(run, step, { input, transforms: fixedTransforms });
  else run.when.deployed(step);
}

async function redrive(run: Run, { step, every, operators }: RedriveAction, input: Input): Promise<void> {
  const letters = run.deadLetters(step).filter(({ event }, index) => event !== undefined && index % every === 0);
  for (const { text = '' } of letters) input.fixed.get(step)?.redriven.add(textOf(dataOf(text) as object));
  input.redriven.set(step, letters);
  await redriveUntilDone(run, { step, letters, operators });
}

/**
 * Redrives the same dead letters again. A sink that keeps its position with its rows may have stored some of them once
 * more, from a new process: the command removes these and appends nothing twice.
 */
export async function redriveAgain(run: Run, { redriven }: Input): Promise<void> {
  for (const [step, letters] of redriven) await redriveUntilDone(run, { step, letters, operators: 1 });
}

/** Repeats the command, as an operator would, until it has finished. */
async function redriveUntilDone(
  run: Run,
  {
    step,
    letters,
    operators,
  }: { readonly step: Refusing; readonly letters: readonly DeadLetter[]; readonly operators: number },
): Promise<void> {
  const texts = new Set(letters.map(({ text }) => text));
  const which = ({ text }: DeadLetter): boolean => texts.has(text);
  let isDone = false;
  for (let commands = 0; commands < MOST_COMMANDS && !isDone; commands++)
    isDone = await run.when.redriven(step, { which, operators: commands === 0 ? operators : 1 });
  if (!isDone) throw new Error(`dead letters of ${step}: no redrive command finished`);
  const kept = new Set(run.bucket('dead letters').keys());
  const left = letters.find(({ pipeline, shard, at }) => !kept.has(`redriven/${pipeline}/${step}/${shard}/${at}.json`));
  if (left !== undefined) throw new Error(`dead letters of ${step}: the one at ${left.at} was not redriven`);
}

/** More commands than there are faults to interrupt them. */
const MOST_COMMANDS = 20;

/** Returns the numbers that both transforms have processed; none while one of them still has records to read. */
function doneByTransforms(run: Run): readonly number[] {
  const isDone = (['first', 'second'] as const).every((name) =>
    run.positions(name).every(({ recordsBehind }) => recordsBehind === 0),
  );
  const events = isDone ? run.stream('raw').events() : [];
  return events.flatMap(({ data }) => (isItem(data) ? [data.n] : []));
}

const START_MILLIS = Date.parse('2026-01-01T00:00:00Z');

/** Allows every item given so far to be doubled. */
function mayDouble(input: Input): void {
  for (const n of input.given) input.mayDouble.add(n);
}
