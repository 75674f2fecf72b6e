import { minutes } from '../../../infra/pipelines/pipeline.ts';
import { event } from '../../kit/given-events.ts';
import { startPipelineRun } from '../../kit/pipeline-run.ts';
import { withinEvent } from '../../pipelines/within-schedule.ts';
import { failAsIn, performAny } from '../perform-any.ts';
import { settled } from '../settled.ts';
import { violationsOfMatched } from './oracle.ts';
import { type MatchedRun, matched } from './pipeline.ts';
import type { BuyerRow, DatedOrder, DatedPerson, MatchedAction, MatchedSchedule, PurchaseRow } from './schedule.ts';

const RECORD_BYTES = 2_000;
const POLL_MILLIS = 10_000;

/** By then everything has come out that waits for a partner. */
const LONGEST_WAIT = minutes(20);

/** Performs a schedule until every step has processed everything, and compares the results with the oracle. */
export async function playMatched(
  schedule: MatchedSchedule,
): Promise<{ readonly violations: readonly string[]; readonly run: MatchedRun }> {
  using run = await startPipelineRun(matched, {
    seed: schedule.seed,
    recordBytes: RECORD_BYTES,
    pollMillis: POLL_MILLIS,
  });
  failAsIn(run, schedule);
  const texts: string[] = [];
  try {
    for (const action of schedule.actions) await perform(run, action, texts);
    await settled(run);
    await run.when.pass(LONGEST_WAIT);
    await settled(run);
    return { run, violations: violationsOfMatched(run, texts) };
  } catch (error) {
    return { run, violations: [(error as Error).message] };
  }
}

async function perform(run: MatchedRun, action: MatchedAction, texts: string[]): Promise<void> {
  const at = (ahead: number): string => new Date(run.now() + ahead).toISOString();
  switch (action.what) {
    case 'purchases':
      return run.given('raw', action.rows.map(purchaseOf));
    case 'buyers':
      return run.given('buyers', action.rows.map(buyerOf));
    case 'dated':
      return run.given(
        'dated',
        action.orders.map((order) => datedOrderOf(order, at(order.ahead))),
      );
    case 'people':
      return run.given(
        'people',
        action.rows.map((row) => personOf(row, at(row.ahead))),
      );
    case 'within':
      for (const { minutesAhead, ...one } of action.events) {
        const millis = (Math.floor(run.now() / minutes(1)) + minutesAhead) * minutes(1);
        await run.given(one.stream, [withinEvent({ ...one, millis })] as never);
      }
      return;
    default:
      return performAny(run, action, texts);
  }
}

function purchaseOf({ id, customer, sales }: PurchaseRow) {
  const type = sales === undefined ? 'order.deleted' : 'order.placed';
  return event({ type, key: id, data: { order_id: id, customer_id: customer, sales: sales ?? 0 } });
}

function buyerOf({ id, name }: BuyerRow) {
  const type = name === undefined ? 'customer.deleted' : 'customer.changed';
  return event({ type, key: id, data: { customer_id: id, name: name ?? '', spent: 1 } });
}

function datedOrderOf({ number, customer, sales }: DatedOrder, time: string) {
  const data = { order_id: number, customer_id: customer, sales };
  return event({ type: 'order.placed', key: `o${number}`, time, data });
}

function personOf({ id, segment }: DatedPerson, time: string) {
  const type = segment === undefined ? 'customer.deleted' : 'customer.changed';
  return event({ type, key: id, time, data: { customer_id: id, segment: segment ?? '' } });
}
