import type { z } from 'zod';
import { minutes } from '../../../infra/pipelines/pipeline.ts';
import { event } from '../../kit/given-events.ts';
import { startPipelineRun } from '../../kit/pipeline-run.ts';
import { failAsIn, performAny } from '../perform-any.ts';
import { settled, settledFor } from '../settled.ts';
import { violationsOfSinks } from './oracle.ts';
import { BY_VERSION, DEADLY, type Item, isRefused, type SinksRun, STEPS, sinks } from './pipeline.ts';
import type { RewindAction, SinksSchedule } from './schedule.ts';

const RECORD_BYTES = 2_000;
const POLL_MILLIS = 2_500;

/** Performs a schedule until every sink has processed everything, and compares the results with the oracle. */
export async function playSinks(
  schedule: SinksSchedule,
): Promise<{ readonly violations: readonly string[]; readonly run: SinksRun }> {
  const { seed, actions } = schedule;
  using run = await startPipelineRun(sinks, { seed, recordBytes: RECORD_BYTES, pollMillis: POLL_MILLIS });
  run.when.answered('hook', ({ body }) => (isRefused((JSON.parse(body) as { data: Item }).data) ? 422 : 204));
  for (const step of STEPS)
    run.when.deadly(step, ({ data }) => ((data as Item).n >= DEADLY ? 'out of memory' : undefined));
  failAsIn(run, schedule);
  const items: Item[] = [];
  try {
    for (const action of actions) {
      if (action.what === 'rewind') await rewind(run, action);
      else if (action.what !== 'foreign') await performAny(run, action, []);
      else {
        items.push(...action.items);
        await run.given(
          'raw',
          action.items.map((data) =>
            event({
              data: data as z.infer<typeof Item>,
              key: data.key,
              type: data.deleted ? 'item.deleted' : 'item.stored',
            }),
          ),
        );
      }
    }
    const before = await violationsAfterAll(run, items, { isRedriven: false });
    if (!schedule.isRedriven || before.length > 0) return { run, violations: before };
    for (const step of BY_VERSION) {
      run.when.deadly(step, () => undefined);
      await redrive(run, step);
    }
    return { run, violations: await violationsAfterAll(run, items, { isRedriven: true }) };
  } catch (error) {
    return { run, violations: [(error as Error).message] };
  }
}

/**
 * Compares the results once every step has processed everything. A run that died in the middle of a merge leaves files
 * that are there twice, until its lease has ended and another run has come.
 */
async function violationsAfterAll(...[run, items, of]: Parameters<typeof violationsOfSinks>) {
  await settled(run);
  const violations = await violationsOfSinks(run, items, of);
  if (violations.length === 0) return violations;
  await settledFor(run, minutes(20));
  return violationsOfSinks(run, items, of);
}

async function redrive(run: SinksRun, step: string): Promise<void> {
  for (let attempt = 0; attempt < 20; attempt++)
    if (await run.when.redriven(step, { which: ({ reason }) => reason === 'killed' })) return;
  throw new Error(`dead letters of ${step}: no redrive command finished`);
}

/** What a process writes that dies while it catches up. */
const WRITES = { kept: 'kept dynamodb.PutItem items', found: 'found opensearch.Bulk' } as const;

/**
 * Moves a step back. With `deaths`, operators move it back so many times before, to another point each time, and each
 * time the step's process dies before it has caught up.
 */
async function rewind(run: SinksRun, { step, deaths }: RewindAction): Promise<void> {
  for (let death = 0; death < deaths; death++) {
    run.when.fails(WRITES[step], 'killed after', { after: death });
    await run.when.rewound(step, { millis: death }, { pulls: 1 });
  }
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
