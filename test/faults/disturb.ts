import { hours, minutes } from '../../infra/pipelines/pipeline.ts';
import type { Disturbance } from './cells.ts';
import { changedTransforms, isItem } from './chain.ts';
import type { Input } from './input.ts';
import type { Run } from './play.ts';

/** Does to a step as a whole what a schedule says, and notes what the oracle has to allow for it. */
export async function disturb(
  run: Run,
  disturbance: Disturbance | { readonly what: 'resume'; readonly step: string },
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
        ? deployInPause(run, disturbance.step, input)
        : deployAtWork(run, disturbance, input);
    case 'rewind':
      return rewind(run, disturbance, input);
  }
}

type Changed = keyof typeof changedTransforms;

async function deployInPause(run: Run, step: Changed, input: Input): Promise<void> {
  const unfinished = await run.when.paused(step);
  if (unfinished.length > 0) mayDouble(input);
  run.when.deployed(step, changedTransforms[step]);
  await run.when.resumed(step);
}

/** In the middle of an append, should one come. What the transforms had done before that is not doubled. */
async function deployAtWork(run: Run, { step }: { readonly step: Changed }, input: Input): Promise<void> {
  const done = doneByTransforms(run);
  const during = { site: `${step} kinesis.PutRecords`, after: run.now() % 4 };
  void run.when.deployedDuring(during, step, changedTransforms[step]).then(() => mayDouble(input, done));
}

async function rewind(
  run: Run,
  { step, to }: { readonly step: 'latest' | Changed; readonly to: 'earliest' | 'middle' },
  input: Input,
): Promise<void> {
  // What is behind the middle and was not done yet would be skipped.
  if (to === 'middle') await run.settled({ within: hours(24) });
  const middle = START_MILLIS + Math.floor((run.now() - START_MILLIS - minutes(2)) / 2);
  const done = doneByTransforms(run);
  await run.when.rewound(step, to === 'earliest' ? to : { millis: middle });
  if (step === 'latest') return;
  mayDouble(input);
  if (to === 'earliest') for (const n of done) input.mustDouble.add(n);
}

/** The numbers of what they have behind them: none while they are at work. */
function doneByTransforms(run: Run): readonly number[] {
  const isDone = (['first', 'second'] as const).every((name) =>
    run.positions(name).every(({ recordsBehind }) => recordsBehind === 0),
  );
  const events = isDone ? run.stream('raw').events() : [];
  return events.flatMap(({ data }) => (isItem(data) ? [data.n] : []));
}

const START_MILLIS = Date.parse('2026-01-01T00:00:00Z');

/** All that was given so far may, but for some. */
function mayDouble(input: Input, except: readonly number[] = []): void {
  for (const n of input.given) if (!except.includes(n)) input.mayDouble.add(n);
}
