import { type Duration, hours, minutes } from '../../infra/pipelines/pipeline.ts';
import type { Run } from './chain.ts';

/**
 * Requests that are late, twins that wake up and what sinks do a run later: all of it is over when nothing has failed
 * for a while.
 */
export async function settled(run: Run): Promise<void> {
  await run.settled({ within: hours(12) });
  await settledFor(run, minutes(4));
}

/** Until nothing has failed for so long. */
export async function settledFor(run: Run, time: Duration): Promise<void> {
  for (let before = -1; run.faults().length > before; ) {
    before = run.faults().length;
    await run.when.pass(time);
    await run.settled({ within: hours(12) });
  }
}
