import { expect, test } from 'vitest';
import { z } from 'zod';
import { defineTable } from '../../functions/runtime/table.ts';
import { tumbling } from '../../functions/runtime/windows.ts';
import { definePipeline, minutes } from '../../infra/pipelines/pipeline.ts';
import { givenPipeline } from '../kit/given.ts';
import { event } from '../kit/given-events.ts';

const Sale = z.object({ region: z.string(), amount: z.int32() });

const byQuarter = defineTable({
  entry: import.meta.url,
  from: Sale,
  row: Sale,
  key: ['region'],
  window: tumbling({ size: minutes(15), grace: minutes(5), emit: 'final' }),
  reduce: (row, { data: { region, amount } }) => ({ region, amount: (row?.amount ?? 0) + amount }),
});

const shop = definePipeline({
  name: 'shop',
  streams: { sales: { schema: Sale }, quarters: { schema: z.unknown() } },
  tables: { by_quarter: { from: 'sales', keep: byQuarter, changes: 'quarters' } },
});

const sale = (time: string, amount: number) =>
  event({ type: 'sale.made', key: 'north', time, data: { region: 'north', amount } });

test('a window closes by itself, and a late event is a dead letter', async () => {
  const run = await givenPipeline(shop, { start: '2026-01-01T12:00:00Z' });
  await run.given('sales', [sale('2026-01-01T11:59:00Z', 1), sale('2026-01-01T12:00:00Z', 2)]);
  await run.when.pass(minutes(21));
  await run.given('sales', [sale('2026-01-01T12:14:00Z', 4)]);
  await run.settled();
  expect(run.stream('quarters').data()).toMatchObject([
    { region: 'north', amount: 1, window_start: '2026-01-01T11:45:00.000Z', window_end: '2026-01-01T12:00:00.000Z' },
    { region: 'north', amount: 2, window_start: '2026-01-01T12:00:00.000Z', window_end: '2026-01-01T12:15:00.000Z' },
  ]);
  expect(run.deadLetters('by_quarter')).toMatchObject([{ reason: 'late' }]);
});
