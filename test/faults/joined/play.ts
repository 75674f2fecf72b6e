import { minutes } from '../../../infra/pipelines/pipeline.ts';
import { event } from '../../kit/given-events.ts';
import { startPipelineRun } from '../../kit/pipeline-run.ts';
import { failAsIn, performAny } from '../perform-any.ts';
import { settled } from '../settled.ts';
import { violationsOfJoined } from './oracle.ts';
import { GRACE_MILLIS, type JoinedRun, joined, SIZE_MILLIS } from './pipeline.ts';
import type { DatedOrder, JoinedAction, JoinedSchedule, Row } from './schedule.ts';

const RECORD_BYTES = 2_000;
/** All mappings together have to catch up between two ticks. */
const POLL_MILLIS = 4_000;
/** Orders are dated less than that ahead. */
const MOST_AHEAD = minutes(3);

/** Performs a schedule until every step has processed everything, and compares the results with the oracle. */
export async function playJoined(
  schedule: JoinedSchedule,
): Promise<{ readonly violations: readonly string[]; readonly run: JoinedRun }> {
  using run = await startPipelineRun(joined, {
    seed: schedule.seed,
    recordBytes: RECORD_BYTES,
    pollMillis: POLL_MILLIS,
  });
  failAsIn(run, schedule);
  const texts: string[] = [];
  try {
    for (const action of schedule.actions) await perform(run, action, texts);
    await settled(run);
    await run.when.pass(SIZE_MILLIS + GRACE_MILLIS + MOST_AHEAD);
    await settled(run);
    const before = violationsOfJoined(run, { texts, isRedriven: false });
    if (!schedule.isRedriven || before.length > 0) return { run, violations: before };
    await redrive(run);
    await settled(run);
    return { run, violations: violationsOfJoined(run, { texts, isRedriven: true }) };
  } catch (error) {
    return { run, violations: [(error as Error).message] };
  }
}

async function redrive(run: JoinedRun): Promise<void> {
  const isLate = ({ reason }: { readonly reason: string }): boolean => reason === 'late';
  for (let attempt = 0; attempt < 20; attempt++)
    if (await run.when.redriven('windows', { which: isLate, operators: 1 })) return;
  throw new Error('dead letters of windows: no redrive command finished');
}

async function perform(run: JoinedRun, action: JoinedAction, texts: string[]): Promise<void> {
  switch (action.what) {
    case 'post':
      await run.posted('posts', action.orders);
      return;
    case 'foreign':
      return run.given(
        'raw',
        action.orders.map((order) => eventOf(order, run.now())),
      );
    case 'customers':
      return run.given('people', action.rows.map(customerOf));
    case 'scores':
      return run.given('points', action.rows.map(scoreOf));
    default:
      return performAny(run, action, texts);
  }
}

function eventOf({ order, ahead }: DatedOrder, now: number) {
  const time = ahead === 'year 9999' ? '9999-12-31T23:59:59Z' : new Date(now + ahead).toISOString();
  return event({ type: 'order.placed', data: order, key: order.customer_id ?? 'nobody', time });
}

function customerOf({ id, value }: Row) {
  const type = value === undefined ? 'customer.deleted' : 'customer.changed';
  return event({ type, key: id, data: { customer_id: id, segment: `s${value ?? ''}` } });
}

function scoreOf({ id, value }: Row) {
  const type = value === undefined ? 'score.deleted' : 'score.changed';
  return event({ type, key: id, data: { id, points: value ?? 0 } });
}
