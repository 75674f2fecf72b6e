import { event } from '../../kit/given-events.ts';
import { startPipelineRun } from '../../kit/pipeline-run.ts';
import { performAny } from '../perform-any.ts';
import { settled } from '../settled.ts';
import { violationsOfSinks } from './oracle.ts';
import { DEADLY, type Item, isRefused, type SinksRun, STEPS, sinks } from './pipeline.ts';
import type { SinksSchedule } from './schedule.ts';

const RECORD_BYTES = 2_000;
const POLL_MILLIS = 2_500;

/** Performs a schedule until every sink has processed everything, and compares the results with the oracle. */
export async function playSinks(
  schedule: SinksSchedule,
): Promise<{ readonly violations: readonly string[]; readonly run: SinksRun }> {
  const { seed, actions, faults, chance } = schedule;
  using run = await startPipelineRun(sinks, { seed, recordBytes: RECORD_BYTES, pollMillis: POLL_MILLIS });
  run.when.answered('hook', ({ body }) => (isRefused((JSON.parse(body) as { data: Item }).data) ? 422 : 204));
  for (const step of STEPS)
    run.when.deadly(step, ({ data }) => ((data as Item).n >= DEADLY ? 'out of memory' : undefined));
  for (const { site, kind, after = 0, times = 1 } of faults) run.when.fails(site, kind, { after, times });
  if (chance.most > 0) run.when.anythingFails(chance);
  const items: Item[] = [];
  try {
    for (const action of actions) {
      if (action.what === 'rewind') await rewind(run, action.step);
      else if (action.what !== 'foreign') await performAny(run, action, []);
      else {
        items.push(...action.items);
        await run.given(
          'raw',
          action.items.map((data) =>
            event({ data, key: data.key, type: data.deleted ? 'item.deleted' : 'item.stored' }),
          ),
        );
      }
    }
    await settled(run);
    const before = violationsOfSinks(run, items, { isRedriven: false });
    if (!schedule.isRedriven || before.length > 0) return { run, violations: before };
    run.when.deadly('kept', () => undefined);
    await redrive(run);
    await settled(run);
    return { run, violations: violationsOfSinks(run, items, { isRedriven: true }) };
  } catch (error) {
    return { run, violations: [(error as Error).message] };
  }
}

async function redrive(run: SinksRun): Promise<void> {
  for (let attempt = 0; attempt < 20; attempt++)
    if (await run.when.redriven('kept', { which: ({ reason }) => reason === 'killed' })) return;
  throw new Error('dead letters of kept: no redrive command finished');
}

async function rewind(run: SinksRun, step: string): Promise<void> {
  for (let attempt = 0; attempt < 20; attempt++) if (await run.when.rewound(step, 'earliest')) return;
  throw new Error(`${step}: no rewind command finished`);
}

/** Describes a schedule that broke a promise. */
export async function explainedOfSinks(schedule: SinksSchedule): Promise<string> {
  const { violations, run } = await playSinks(schedule);
  return [
    `schedule ${schedule.seed} of sinks broke a promise:`,
    ...violations.map((violation) => `  ${violation}`),
    JSON.stringify(schedule),
    ...run.story().map((line) => `  ${line}`),
  ].join('\n');
}
