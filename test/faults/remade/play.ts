import { startPipelineRun } from '../../kit/pipeline-run.ts';
import { codeOf, redriveAll, value } from '../../pipelines/rebuild-schedule.ts';
import { failAsIn, performAny } from '../perform-any.ts';
import { settled } from '../settled.ts';
import { violationsOfRemade } from './oracle.ts';
import { type RemadeRun, remade } from './pipeline.ts';
import type { RemadeAction, RemadeSchedule } from './schedule.ts';

const RECORD_BYTES = 1_000;
const POLL_MILLIS = 2_500;

/** The code that stands at the end. */
const LAST_FACTOR = 2;

/** Performs a schedule until every step has processed everything, and compares the results with the oracle. */
export async function playRemade(
  schedule: RemadeSchedule,
): Promise<{ readonly violations: readonly string[]; readonly run: RemadeRun }> {
  using run = await startPipelineRun(remade, {
    seed: schedule.seed,
    recordBytes: RECORD_BYTES,
    pollMillis: POLL_MILLIS,
  });
  failAsIn(run, schedule);
  try {
    for (const action of schedule.actions) await perform(run, action);
    run.when.deployed('sums', codeOf(LAST_FACTOR));
    // A table is made again when its next event comes.
    await run.given('raw', [value('k0', 1)]);
    await settled(run);
    await redriveAll(run);
    await settled(run);
    return { run, violations: violationsOfRemade(run, LAST_FACTOR) };
  } catch (error) {
    return { run, violations: [(error as Error).message] };
  }
}

async function perform(run: RemadeRun, action: RemadeAction): Promise<void> {
  switch (action.what) {
    case 'values':
      return run.given(
        'raw',
        action.values.map(({ id, n }) => value(id, n)),
      );
    case 'rebuild':
      return run.when.deployed('sums', codeOf(action.factor));
    case 'remake':
      await run.when.rewound('sums', 'earliest', { pulls: action.pulls });
      return;
    case 'redrive':
      await run.when.redriven('sums');
      return;
    default:
      return performAny(run, action, []);
  }
}
