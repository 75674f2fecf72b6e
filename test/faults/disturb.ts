import { hours, minutes } from '../../infra/pipelines/pipeline.ts';
import type { Disturbance, Killer } from './cells.ts';
import { changedTransforms, isItem, type Run } from './chain.ts';
import type { Input } from './input.ts';

/** Does to a step as a whole what a schedule says, and notes what the oracle has to allow for it. */
export async function disturb(
  run: Run,
  disturbance: Exclude<Disturbance, Killer> | { readonly what: 'resume'; readonly step: string },
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
