import { expect, test } from 'vitest';
import { salesByRegion } from '../../functions/tables/sales-by-region.sql.ts';
import { completedSales } from '../../functions/transforms/completed-sales.sql.ts';
import { Order } from '../../functions/transforms/order-events.ts';
import { definePipeline } from '../../infra/pipelines/pipeline.ts';
import { givenPipeline } from '../kit/given.ts';
import { event } from '../kit/given-events.ts';

const shop = definePipeline({
  name: 'shop',
  streams: {
    orders: { schema: Order, shards: 2 },
    sales: { schema: completedSales.to, shards: 2 },
  },
  transforms: { selling: { from: 'orders', apply: completedSales, to: 'sales' } },
  tables: { sales_by_region: { from: 'sales', keep: salesByRegion } },
});

const order = (order_id: string, sales: number) =>
  event({
    key: order_id,
    data: {
      ...{ row_id: 1, order_id, status: 'COMPLETE', ordered: '2026-01-01', shipped: '2026-01-02', customer_id: 'ann' },
      ...{ segment: 'Consumer', region: 'West', state: 'Utah', category: 'Paper', product: 'A4', quantity: 1 },
      ...{ sales, discount: 0, profit: 1 },
    },
  });

test('orders of one region add up, whatever their own keys are', async () => {
  const run = await givenPipeline(shop);
  await run.given('orders', [order('o1', 10.25), order('o2', 0.1)]);
  await run.settled();
  expect(run.table('sales_by_region')).toEqual([
    { region: 'West', category: 'Paper', lines: 2, sales: 10.35, mean_profit: 1, largest: 10.25 },
  ]);
});
