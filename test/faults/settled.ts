import { hours, minutes } from '../../infra/pipelines/pipeline.ts';
import type { Run } from './chain.ts';

/** Requests that are late, twins that wake up and what sinks do a run later: all of it is over when nothing has failed for a while. */
export async function settled(run: Run): Promise<void> {
  await run.settled({ within: hours(12) });
  for (let before = -1; run.faults().length > before; ) {
    before = run.faults().length;
    await run.when.pass(minutes(4));
    await run.settled({ within: hours(12) });
  }
}
