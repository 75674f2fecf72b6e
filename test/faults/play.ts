import type { ReceivedEvent } from '../../functions/runtime/event.ts';
import { minutes } from '../../infra/pipelines/pipeline.ts';
import type { Death } from '../kit/deaths.ts';
import { event, type GivenEvent, record } from '../kit/given-events.ts';
import { startPipelineRun } from '../kit/pipeline-run.ts';
import type { Constraint } from '../kit/tables.ts';
import type { Action } from './action.ts';
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
import { type Input, newInput } from './input.ts';
import { violationsOf } from './oracle.ts';
import type { Schedule } from './schedule.ts';
import { settled, settledFor } from './settled.ts';

/** The result of a schedule. */
export interface Played {
  /** A line for each violation of a promise; empty when every promise was kept. */
  readonly violations: readonly string[];
  readonly run: Run;
}

/** A record holds two or three events, so one batch makes several records for one shard. */
const RECORD_BYTES = 900;
/** Long, because polls of idle shards take CPU time. */
const POLL_MILLIS = 10_000;

/**
 * Performs a schedule on a virtual clock until every step has processed everything, and compares the results with the
 * oracle.
 */
export async function play(schedule: Schedule): Promise<Played> {
  using run = await startPipelineRun(chain, {
    seed: schedule.seed,
    recordBytes: RECORD_BYTES,
    pollMillis: POLL_MILLIS,
    ...(schedule.markLimits === undefined ? {} : { markLimits: schedule.markLimits }),
  });
  const input = newInput();
  for (const table of TABLES) run.when.refused(table, constraintOf(table, input));
  if (schedule.actions.some(({ what }) => what === 'poison'))
    for (const step of REFUSING) run.when.deadly(step, deathOf(step, input));
  for (const { site, kind, after = 0, times = 1 } of schedule.faults) run.when.fails(site, kind, { after, times });
  for (const { stream, how, site, after } of schedule.reshardings)
    await run.when.resharded(stream, how, { site, after });
  if (schedule.chance.most > 0) run.when.anythingFails(schedule.chance);
  try {
    for (const action of schedule.actions) await perform(run, action, input);
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
 * Waits for the leases of dead runs to expire: they last as long as a function's limit, and missing rows may follow
 * after that. Resolves to false when the steps do not settle.
 */
async function isSettledLater(run: Run): Promise<boolean> {
  try {
    await settledFor(run, minutes(20));
    return true;
  } catch {
    return false;
  }
}

function constraintOf(table: (typeof TABLES)[number], { fixed }: Input): Constraint {
  return (row) => (!fixed.has(table) && isRefused(table, row as Row) ? 'no_tens' : undefined);
}

/** Returns how an event kills the step's function: even numbers by memory, odd ones by a loop. */
function deathOf(step: Refusing, { fixed }: Input): (event: ReceivedEvent) => Death | undefined {
  return ({ data }) => {
    if (fixed.has(step) || !isItem(data) || !isDeadly(step, data as Item | Row)) return undefined;
    return data.n % 2 === 0 ? 'out of memory' : 'endless loop';
  };
}

/**
 * Numbers an event as another team's producer would, whose requests overtake each other: of each two events the second
 * arrives first.
 */
function overtaken(item: Item): GivenEvent<Item> {
  return event({ data: item, key: item.key, sequence: String(item.n ^ 1).padStart(8, '0') });
}

async function perform(run: Run, action: Action, input: Input): Promise<void> {
  if ('items' in action) input.given.push(...action.items.map(({ n }) => n));
  switch (action.what) {
    case 'post': {
      const { status } = await run.posted('posts', action.items);
      (status === 202 ? input.acknowledged : input.unacknowledged).push(...action.items);
      return;
    }
    case 'file': {
      const lines = [...action.items.map((item) => JSON.stringify(item))];
      for (let line = 0; line < action.broken; line++) lines.splice(line * 2, 0, `no item ${input.files}.${line}`);
      input.acknowledged.push(...action.items);
      input.brokenLines.push(...lines.filter((line) => line.startsWith('no item')));
      return run.dropped(`items/${input.files++}.ndjson`, lines.join('\n'));
    }
    case 'poison':
    case 'foreign':
      input.acknowledged.push(...action.items);
      return run.given('raw', action.items.map(overtaken));
    case 'bytes':
      input.undecodable[action.stream].push(action.text);
      return run.given(action.stream, [record(action.text)]);
    case 'pass':
      return run.when.pass(action.millis);
    case 'fail': {
      const { site, kind, after = 0, times = 1 } = action.rule;
      return run.when.fails(site, kind, { after, times });
    }
    case 'back up':
      input.restore = run.when.backedUp(action.step);
      return;
    case 'restore':
      return input.restore();
    case 'reshard':
      return run.when.resharded(action.stream, action.how);
    default:
      return disturb(run, action, input);
  }
}
