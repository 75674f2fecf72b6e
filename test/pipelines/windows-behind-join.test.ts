import { expect, test } from 'vitest';
import { z } from 'zod';
import { defineTable } from '../../functions/runtime/table.ts';
import { tumbling } from '../../functions/runtime/windows.ts';
import { definePipeline, minutes } from '../../infra/pipelines/pipeline.ts';
import { givenPipeline } from '../kit/given.ts';
import { event } from '../kit/given-events.ts';
import { Customer, Enriched, joinOf, Order } from './join-fixture.ts';

const join = await joinOf(
  'SELECT o.order_id, c.segment, o.sales FROM orders o LEFT JOIN customers c ON c.customer_id = o.customer_id',
);

const sums = defineTable({
  entry: import.meta.url,
  from: Enriched,
  row: z.object({ segment: z.string().nullable(), sales: z.number() }),
  key: ['segment'],
  window: tumbling({ size: minutes(3), grace: 0, emit: 'final' }),
  reduce: (row, { data: { segment, sales } }) => ({ segment, sales: (row?.sales ?? 0) + sales }),
});

const shop = definePipeline({
  name: 'shop',
  streams: {
    orders: { schema: Order, shards: 2 },
    customers: { schema: Customer },
    enriched: { schema: Enriched },
  },
  joins: { joined: { from: { orders: 'orders', customers: 'customers' }, apply: join, to: 'enriched' } },
  tables: { sums: { from: 'enriched', keep: sums } },
});

const START = '2026-01-01T12:00:00Z';
const customer = event({ type: 'customer.changed', key: 'ann', data: { customer_id: 'ann', segment: 'Home' } });
const order = (order_id: number) =>
  event({ type: 'order.placed', key: `o${order_id}`, time: START, data: { order_id, customer_id: 'ann', sales: 1 } });

test.each(['joined-customers', 'joined-orders', 'joined'])(
  'windows behind a join wait for what lags before them: %s',
  async (lagging) => {
    const run = await givenPipeline(shop, { start: START });
    await run.given('customers', [customer]);
    await run.settled();
    await run.given('orders', [order(1)]);
    await run.when.pass(minutes(1));
    await run.when.paused(lagging);
    await run.given('customers', [customer]);
    await run.given('orders', [order(2), order(3)]);
    await run.when.pass(minutes(6));
    expect(run.table('sums')).toEqual([]);
    await run.when.resumed(lagging);
    await run.when.pass(minutes(3));
    await run.settled();
    expect(run.table('sums')).toMatchObject([{ segment: 'Home', sales: 3 }]);
    expect(run.deadLetters('sums')).toEqual([]);
  },
);
