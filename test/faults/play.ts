import type { ReceivedEvent } from '../../functions/runtime/event.ts';
import { minutes } from '../../infra/pipelines/pipeline.ts';
import type { Death } from '../kit/deaths.ts';
import { event, type GivenEvent, record } from '../kit/given-events.ts';
import { startPipelineRun } from '../kit/pipeline-run.ts';
import type { Constraint } from '../kit/tables.ts';
import {
  chain,
  type Item,
  isDeadly,
  isItem,
  isRefused,
  REFUSING,
  type Refusing,
  type Row,
  type Run,
  TABLES,
} from './chain.ts';
import { disturb, redriveAgain } from './disturb.ts';
import type { Happening } from './happening.ts';
import { type Input, newInput } from './input.ts';
import { violationsOf } from './oracle.ts';
import type { Schedule } from './schedule.ts';
import { settled, settledFor } from './settled.ts';

/** What came of a schedule. */
export interface Played {
  /** What broke a promise; nothing, if all were kept. */
  readonly violations: readonly string[];
  readonly run: Run;
}

/** Two events or three make a record, so one batch makes several for one shard. */
const RECORD_BYTES = 900;
const POLL_MILLIS = 2_500;

/**
 * Lets it all happen, on a virtual clock, until every step has done all there is, and compares what there is with the
 * oracle.
 */
export async function play(schedule: Schedule): Promise<Played> {
  const run = await startPipelineRun(chain, {
    seed: schedule.seed,
    recordBytes: RECORD_BYTES,
    pollMillis: POLL_MILLIS,
  });
  const input = newInput();
  for (const table of TABLES) run.when.refused(table, constraintOf(table, input));
  if (schedule.happenings.some(({ what }) => what === 'killer'))
    for (const step of REFUSING) run.when.deadly(step, deathOf(step, input));
  for (const { site, kind, after = 0, times = 1 } of schedule.faults) run.when.fails(site, kind, { after, times });
  for (const { stream, how, site, after } of schedule.reshardings)
    await run.when.resharded(stream, how, { site, after });
  if (schedule.chance.most > 0) run.when.anythingFails(schedule.chance);
  try {
    for (const happening of schedule.happenings) await happen(run, happening, input);
    await settled(run);
    if (input.redriven.size > 0) {
      await redriveAgain(run, input);
      await settled(run);
    }
  } catch (error) {
    return { run, violations: [(error as Error).message] };
  }
  const violations = violationsOf(run, input);
  if (violations.length === 0 || !(await isSettledLater(run))) return { run, violations };
  return { run, violations: violationsOf(run, input) };
}

/**
 * A run that died holds its leases for as long as a function may take: what is missing may come after that, if it does
 * not die again.
 */
async function isSettledLater(run: Run): Promise<boolean> {
  try {
    await settledFor(run, minutes(20));
    return true;
  } catch {
    return false;
  }
}

function constraintOf(table: (typeof TABLES)[number], { mended }: Input): Constraint {
  return (row) => (!mended.has(table) && isRefused(table, row as Row) ? 'no_tens' : undefined);
}

/** Either way, by its number. */
function deathOf(step: Refusing, { mended }: Input): (event: ReceivedEvent) => Death | undefined {
  return ({ data }) => {
    if (mended.has(step) || !isItem(data) || !isDeadly(step, data as Item | Row)) return undefined;
    return data.n % 2 === 0 ? 'out of memory' : 'endless loop';
  };
}

/**
 * As another team's producer counts: its requests overtake each other, so that of each two events the second arrives
 * first.
 */
function overtaken(item: Item): GivenEvent<Item> {
  return event({ data: item, key: item.key, sequence: String(item.n ^ 1).padStart(8, '0') });
}

async function happen(run: Run, happening: Happening, input: Input): Promise<void> {
  if ('items' in happening) input.given.push(...happening.items.map(({ n }) => n));
  switch (happening.what) {
    case 'post': {
      const { status } = await run.posted('posts', happening.items);
      (status === 202 ? input.acknowledged : input.unacknowledged).push(...happening.items);
      return;
    }
    case 'file': {
      const lines = [...happening.items.map((item) => JSON.stringify(item))];
      for (let line = 0; line < happening.broken; line++) lines.splice(line * 2, 0, `no item ${input.files}.${line}`);
      input.acknowledged.push(...happening.items);
      input.brokenLines.push(...lines.filter((line) => line.startsWith('no item')));
      return run.dropped(`items/${input.files++}.ndjson`, lines.join('\n'));
    }
    case 'killer':
    case 'foreign':
      input.acknowledged.push(...happening.items);
      return run.given('raw', happening.items.map(overtaken));
    case 'bytes':
      input.undecodable[happening.stream].push(happening.text);
      return run.given(happening.stream, [record(happening.text)]);
    case 'pass':
      return run.when.pass(happening.millis);
    case 'fail': {
      const { site, kind, after = 0, times = 1 } = happening.rule;
      return run.when.fails(site, kind, { after, times });
    }
    case 'reshard':
      return run.when.resharded(happening.stream, happening.how);
    default:
      return disturb(run, happening, input);
  }
}
