import type { DeadLetter } from '../../functions/runtime/dead-letters/dead-letters.ts';
import type { Transform } from '../../functions/runtime/transform.ts';
import { hours, minutes } from '../../infra/pipelines/pipeline.ts';
import type { Disturbance } from './cells.ts';
import { changedTransforms, isItem, mendedTransforms, type Refusing, type Run } from './chain.ts';
import { dataOf, textOf } from './expected.ts';
import type { Asking, Happening } from './happening.ts';
import type { Input } from './input.ts';
import { settled } from './settled.ts';

/** Does to a step as a whole what a schedule says, and notes what the oracle has to allow for it. */
export async function disturb(
  run: Run,
  disturbance: Extract<Happening, { readonly what: Exclude<Disturbance['what'], 'killer'> | 'resume' | 'mend' }>,
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
    case 'mend':
      return mend(run, disturbance.step, input);
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

/** Whoever reads what was in flight then may get it twice. */
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
  // What is behind the middle and was not done yet would be skipped.
  if (to === 'middle') await run.settled({ within: hours(12) });
  // Behind the newest rows, and before some of the older that come again.
  const middle = step === 'latest' ? givenUntil + 15_000 + (givenUntil % 20_000) : (START_MILLIS + givenUntil) / 2;
  const done = doneByTransforms(run);
  await run.when.rewound(step, to === 'earliest' ? to : { millis: Math.floor(middle) });
  if (step === 'latest') return;
  mayDouble(input);
  if (to === 'earliest') for (const n of done) input.mustDouble.add(n);
}

/** What it refuses it has refused before, all of it. */
async function mend(run: Run, step: Refusing, input: Input): Promise<void> {
  await settled(run);
  input.mended.set(step, { before: new Set(input.given), redriven: new Set() });
  if (step === 'first' || step === 'second') await deployInPause(run, step, { input, transforms: mendedTransforms });
  else run.when.deployed(step);
}

async function redrive(run: Run, { step, every, operators }: Asking, input: Input): Promise<void> {
  const letters = run.deadLetters(step).filter(({ event }, place) => event !== undefined && place % every === 0);
  for (const { text = '' } of letters) input.mended.get(step)?.redriven.add(textOf(dataOf(text) as object));
  input.redriven.set(step, letters);
  await insist(run, { step, letters, operators });
}

/**
 * The operator asks for the same again. A sink that keeps its position with its rows may have stored dead letters once
 * more, in a new process: they go off the list then, and nothing comes twice.
 */
export async function redriveAgain(run: Run, { redriven }: Input): Promise<void> {
  for (const [step, letters] of redriven) await insist(run, { step, letters, operators: 1 });
}

/** As an operator who is not content until the command has come to its end. */
async function insist(
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
  if (!isDone) throw new Error(`dead letters of ${step}: no command to redrive them came to its end`);
  const kept = new Set(run.bucket('dead letters').keys());
  const left = letters.find(({ pipeline, shard, at }) => !kept.has(`redriven/${pipeline}/${step}/${shard}/${at}.json`));
  if (left !== undefined) throw new Error(`dead letters of ${step}: the one at ${left.at} was not redriven`);
}

/** More than faults. */
const MOST_COMMANDS = 20;

/** The numbers of what they have behind them: none while they are at work. */
function doneByTransforms(run: Run): readonly number[] {
  const isDone = (['first', 'second'] as const).every((name) =>
    run.positions(name).every(({ recordsBehind }) => recordsBehind === 0),
  );
  const events = isDone ? run.stream('raw').events() : [];
  return events.flatMap(({ data }) => (isItem(data) ? [data.n] : []));
}

const START_MILLIS = Date.parse('2026-01-01T00:00:00Z');

/** All that was given so far. */
function mayDouble(input: Input): void {
  for (const n of input.given) input.mayDouble.add(n);
}
