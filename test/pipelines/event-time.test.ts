import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import type { z } from 'zod';
import { s3Sink } from '../../functions/sinks/s3/s3.ts';
import { Order } from '../../functions/transforms/order-events.ts';
import { sql } from '../../infra/pipelines/inline-sql.ts';
import { definePipeline, minutes } from '../../infra/pipelines/pipeline.ts';
import { givenPipeline } from '../kit/given.ts';
import { event } from '../kit/given-events.ts';

const page = readFileSync(new URL('../../docs/sql.md', import.meta.url), 'utf8');
const example = page.split('```').find((part) => part.startsWith('sql\n') && part.includes('TIMESTAMP BY')) ?? '';

const order: z.input<typeof Order> = {
  row_id: 1,
  order_id: 'o-1',
  status: 'COMPLETE',
  ordered: '2025-03-09',
  shipped: '2025-03-12',
  customer_id: 'c-1',
  segment: 'Consumer',
  region: 'West',
  state: 'Oregon',
  category: 'Paper',
  product: 'Paper',
  quantity: 1,
  sales: 10.5,
  discount: 0,
  profit: 2,
};

test('the example of docs/sql.md files each order in the lake under the day on which it was ordered', async () => {
  const orders = definePipeline({
    name: 'orders',
    streams: {
      orders: { schema: Order },
      by_day: {
        schema: Order.pick({ order_id: true, customer_id: true, sales: true, ordered: true }),
      },
    },
    transforms: { filing: { from: 'orders', apply: sql(example.slice('sql\n'.length)), to: 'by_day' } },
    sinks: { lake: { from: 'by_day', write: s3Sink({ prefix: 'days', by: 'day' }), every: minutes(5) } },
  });
  const run = await givenPipeline(orders);
  const arrival = '2026-11-22T10:00:00Z';
  await run.given('orders', [
    event({ key: 'o-1', time: arrival, data: order }),
    event({ key: 'o-2', time: arrival, data: { ...order, order_id: 'o-2', ordered: '2024-02-29' } }),
  ]);
  await run.settled();
  expect(run.stream('by_day').events()).toMatchObject([
    { key: 'c-1', time: '2025-03-09T00:00:00Z', data: { order_id: 'o-1' } },
    { key: 'c-1', time: '2024-02-29T00:00:00Z', data: { order_id: 'o-2' } },
  ]);
  expect(run.bucket('lake').rows('days/year=2025/month=03/day=09/')).toMatchObject([{ data: { order_id: 'o-1' } }]);
  expect(run.bucket('lake').rows('days/year=2024/month=02/day=29/')).toMatchObject([{ data: { order_id: 'o-2' } }]);
  expect(run.bucket('lake').keys()).toHaveLength(2);
});
