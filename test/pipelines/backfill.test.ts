import { expect, test } from 'vitest';
import { z } from 'zod';
import { defineTable } from '../../functions/runtime/table.ts';
import { tumbling } from '../../functions/runtime/windows.ts';
import { definePipeline, hours, minutes } from '../../infra/pipelines/pipeline.ts';
import { givenPipeline } from '../kit/given.ts';
import { event } from '../kit/given-events.ts';
import { inAnyOrder } from '../kit/in-any-order.ts';

const START = Date.parse('2026-01-10T12:00:00Z');
const at = (hour: number): string => new Date(START + hours(hour)).toISOString();

const Sale = z.object({ region: z.string(), amount: z.int32() });

const perHour = defineTable({
  entry: import.meta.url,
  from: Sale,
  row: Sale,
  key: ['region'],
  window: tumbling({ size: hours(1), grace: minutes(10), retention: hours(24 * 30), emit: 'final' }),
  reduce: (row, { data: { region, amount } }) => ({ region, amount: (row?.amount ?? 0) + amount }),
});

const pipelineWith = (until: Date | undefined) =>
  definePipeline({
    name: 'shop',
    streams: { sales: { schema: Sale, ...(until === undefined ? {} : { backfillUntil: until }) } },
    tables: { hours: { from: 'sales', keep: perHour } },
  });

const sale = (hour: number, amount: number) => event({ key: 'west', time: at(hour), data: { region: 'west', amount } });
const old = [sale(-30, 1), sale(0, 2), sale(-30, 4), sale(-100, 8), sale(-28.5, 16)];

test('old events that are loaded before backfillUntil are not late, whatever their order, and then their windows close', async () => {
  const run = await givenPipeline(pipelineWith(new Date(START + minutes(12))), { start: at(0) });
  await run.given('sales', old.slice(0, 3));
  await run.when.pass(minutes(10));
  await run.given('sales', old.slice(3));
  await run.when.pass(minutes(1));
  expect([run.table('hours'), run.deadLetters('hours')]).toEqual([[], []]);
  await run.when.pass(minutes(3));
  await run.settled();
  // The window of this hour is not over.
  expect(inAnyOrder(run.table('hours').map(({ amount }) => amount))).toEqual(inAnyOrder([5, 8, 16]));
  await run.given('sales', [sale(-100, 32)]);
  await run.settled();
  expect(run.deadLetters('hours')).toMatchObject([{ reason: 'late' }]);
});

test('without backfillUntil, old events behind newer ones are late', async () => {
  const run = await givenPipeline(pipelineWith(undefined), { start: at(0) });
  await run.given('sales', old);
  await run.settled();
  expect(run.deadLetters('hours').map(({ reason }) => reason)).toEqual(['late', 'late', 'late']);
});

test('a backfillUntil that is no time is refused', () => {
  expect(() => pipelineWith(new Date('soon'))).toThrow("stream 'sales': backfillUntil is no time");
});
