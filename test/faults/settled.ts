import { hours, minutes, type Streams } from '../../infra/pipelines/pipeline.ts';
import type { Duration } from '../../infra/pipelines/steps.ts';
import type { PipelineRun } from '../kit/pipeline-run.ts';

type Run = Pick<PipelineRun<Streams>, 'settled' | 'faults'> & {
  readonly when: { pass(time: Duration): Promise<void> };
};

/** Far longer than any schedule takes whose promises hold: those with an outage of an hour take two. */
export const LONGEST = hours(6);

/**
 * Waits until every step has processed everything and nothing has failed for four minutes: by then late requests have
 * arrived, twins have ended, and sinks have done what they leave to their next run.
 */
export async function settled(run: Run): Promise<void> {
  await run.settled({ within: LONGEST });
  await settledFor(run, minutes(4));
}

/** Waits until nothing has failed for `time`. */
export async function settledFor(run: Run, time: Duration): Promise<void> {
  for (let before = -1; run.faults().length > before; ) {
    before = run.faults().length;
    await run.when.pass(time);
    await run.settled({ within: LONGEST });
  }
}
