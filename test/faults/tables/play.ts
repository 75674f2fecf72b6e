import { event } from '../../kit/given-events.ts';
import { startPipelineRun } from '../../kit/pipeline-run.ts';
import { failAsIn, performAny } from '../perform-any.ts';
import { settled } from '../settled.ts';
import { violationsOfTables } from './oracle.ts';
import { type Item, type TablesRun, tables } from './pipeline.ts';
import { DEADLY, type TableAction, type TablesSchedule, TOO_MUCH } from './schedule.ts';

const RECORD_BYTES = 2_000;
const POLL_MILLIS = 2_500;

/** Performs a schedule until every step has processed everything, and compares the results with the oracle. */
export async function playTables(
  schedule: TablesSchedule,
): Promise<{ readonly violations: readonly string[]; readonly run: TablesRun }> {
  using run = await startPipelineRun(tables, {
    seed: schedule.seed,
    recordBytes: RECORD_BYTES,
    pollMillis: POLL_MILLIS,
  });
  let isStrict = true;
  run.when.refused('sums', ({ sum }) => (isStrict && Number(sum) >= TOO_MUCH / 2 ? 'too_much' : undefined));
  run.when.deadly('sums', ({ data }) => ((data as Item).value === DEADLY ? 'out of memory' : undefined));
  failAsIn(run, schedule);
  const texts: string[] = [];
  try {
    for (const action of schedule.actions) await perform(run, action, texts);
    await settled(run);
    const before = violationsOfTables(run, { texts, isRedriven: false });
    if (!schedule.isRedriven || before.length > 0) return { run, violations: before };
    isStrict = false;
    await redrive(run);
    await settled(run);
    return { run, violations: violationsOfTables(run, { texts, isRedriven: true }) };
  } catch (error) {
    return { run, violations: [(error as Error).message] };
  }
}

async function redrive(run: TablesRun): Promise<void> {
  const isRefused = ({ reason }: { readonly reason: string }): boolean => reason === 'refused';
  for (let attempt = 0; attempt < 20; attempt++)
    if (await run.when.redriven('sums', { which: isRefused, operators: 1 })) return;
  throw new Error('dead letters of sums: no redrive command finished');
}

async function perform(run: TablesRun, action: TableAction, texts: string[]): Promise<void> {
  switch (action.what) {
    case 'post':
      await run.posted('posts', action.items);
      return;
    case 'foreign':
      return run.given(
        'raw',
        action.items.map((data) => event({ data, key: data.key })),
      );
    default:
      return performAny(run, action, texts);
  }
}
