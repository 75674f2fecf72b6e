import { minutes } from '../../infra/pipelines/pipeline.ts';
import { failAsIn, performAny } from '../faults/perform-any.ts';
import { settled } from '../faults/settled.ts';
import { seededRandom } from '../infra/emulator/mapping/seeded-random.ts';
import { event } from '../kit/given-events.ts';
import { startPipelineRun } from '../kit/pipeline-run.ts';
import { type Hands, handsOn } from './hands.ts';
import { CONTINUE, type Item, type LakeRun, lake, STEP } from './pipeline.ts';
import type { LakeAction, LakeSchedule } from './schedule.ts';

const RECORD_BYTES = 2_000;
const POLL_MILLIS = 30_000;

export interface Played {
  readonly violations: readonly string[];
  readonly story: readonly string[];
  /** How many commits the table has, those of others included. */
  readonly commits: number;
}

/** Plays a schedule, and compares the table with what was given: each item is one row. */
export async function playLake(schedule: LakeSchedule): Promise<Played> {
  const { seed, conflictsOfTen } = schedule;
  const log: string[] = [];
  using run = await startPipelineRun(lake, {
    seed,
    recordBytes: RECORD_BYTES,
    pollMillis: POLL_MILLIS,
    onLine: (_step, line) => log.push(line),
  });
  failAsIn(run, schedule);
  const table = run.icebergTable(STEP);
  const hands = handsOn(table, () => run.now());
  const random = seededRandom(seed + 1);
  table.catalog.beforeCommits(async () => {
    await hands.set('commit.manifest.min-count-to-merge', '3');
    if (random() * 10 < conflictsOfTen) await hands.compact();
  });
  const given: Item[] = [];
  const violations: string[] = [];
  try {
    for (const action of schedule.actions) await perform(action, { run, hands, given });
    await settled(run);
    violations.push(...(await differences(run, given, new Set())));
    if (violations.length === 0 && schedule.person !== 'nothing')
      violations.push(...(await meddled(schedule, { run, hands, given, log })));
  } catch (error) {
    violations.push((error as Error).message);
  }
  const { snapshots } = await run.iceberg(STEP);
  return { violations, story: run.story(), commits: snapshots.length };
}

interface Playing {
  readonly run: LakeRun;
  readonly hands: Hands;
  readonly given: Item[];
}

async function perform(action: LakeAction, { run, hands, given }: Playing): Promise<void> {
  switch (action.what) {
    case 'given':
      given.push(...action.items);
      return run.given(
        'raw',
        action.items.map((data) => event({ data, key: `key-${data.n % 7}` })),
      );
    case 'compact':
      await hands.compact();
      return;
    case 'expire':
      return hands.expire();
    case 'orphans':
      return hands.removeOrphans();
    default:
      return performAny(run, action, []);
  }
}

/** Finds rows that are missing, doubled or too much. `gone`: rows that a person has taken away. */
async function differences(
  run: LakeRun,
  given: readonly Item[],
  gone: ReadonlySet<number>,
): Promise<readonly string[]> {
  const rows = (await run.iceberg(STEP)).rows.map(({ n }) => Number(n));
  const counts = Map.groupBy(rows, (n) => n);
  const expected = new Set(given.map(({ n }) => n).filter((n) => !gone.has(n)));
  return [
    ...[...expected].filter((n) => !counts.has(n)).map((n) => `row ${n} is missing`),
    ...[...counts].filter(([, { length }]) => length > 1).map(([n, { length }]) => `row ${n} is there ${length} times`),
    ...[...counts.keys()].filter((n) => !expected.has(n)).map((n) => `row ${n} should not be there`),
  ];
}

/**
 * Lets a person roll the table back, or make it anew. Until the person says how to go on, the step writes nothing, and
 * its log says why.
 */
async function meddled(
  { person }: LakeSchedule,
  { run, hands, given, log }: Playing & { readonly log: readonly string[] },
): Promise<readonly string[]> {
  const rowsNow = async (): Promise<readonly number[]> => (await run.iceberg(STEP)).rows.map(({ n }) => Number(n));
  if (person === 'replaces') await hands.replace();
  else if (!(await hands.rollBack())) return [];
  const left = new Set(await rowsNow());
  const before = log.length;
  const gone = new Set(given.map(({ n }) => n).filter((n) => !left.has(n)));
  const more = Array.from({ length: 6 }, (_, index) => ({ n: 1_000 + index }));
  await perform({ what: 'given', items: more }, { run, hands, given });
  await run.when.pass(minutes(15));
  const isOwn = gone.size > 0 || person === 'replaces';
  // A run that finds its shards leased by one that has died only fails.
  const held = [...log.slice(before), ...run.story()].some((line) =>
    /was rolled back or replaced|was dropped and made anew/.test(line),
  );
  if (isOwn && !held) return ['the step did not say that the table was changed behind its back'];
  if (isOwn && (await rowsNow()).some((n) => !left.has(n))) return ['the step wrote to a table that was changed'];
  const current = run.icebergTable(STEP).catalog.metadata('millrace_test', 'items')?.['current-snapshot-id'];
  await hands.set(CONTINUE, current === undefined || current === -1 ? 'none' : String(current));
  await settled(run);
  return differences(run, given, gone);
}

/** Describes a schedule that broke a promise. */
export async function explainedOfLake(schedule: LakeSchedule): Promise<string> {
  const { violations, story } = await playLake(schedule);
  return [
    `schedule ${schedule.seed} of the lake broke a promise:`,
    ...violations.map((violation) => `  ${violation}`),
    JSON.stringify(schedule),
    ...story.map((line) => `  ${line}`),
  ].join('\n');
}
