import { expect, test } from 'vitest';
import { namedOrders } from '../../functions/joins/named-orders.sql.ts';
import { Customer } from '../../functions/transforms/customers.ts';
import { Order } from '../../functions/transforms/order-events.ts';
import { definePipeline } from '../../infra/pipelines/pipeline.ts';
import { givenPipeline } from '../kit/given.ts';
import { event } from '../kit/given-events.ts';

const shop = definePipeline({
  name: 'shop',
  streams: { orders: { schema: Order, shards: 2 }, customers: { schema: Customer } },
  joins: { named: { from: { orders: 'orders', customers: 'customers' }, apply: namedOrders } },
});

const ann = { customer_id: 'ann', name: 'Ann', segment: 'Consumer' as const, city: 'Bern' };
const order = { order_id: 'o1', customer_id: 'ann', row_id: 1, status: 'PENDING', sales: 9.5, quantity: 1 };
const rest = { ordered: '2026-01-01', shipped: '2026-01-02', segment: 'Consumer', region: 'West', state: 'Utah' };
const more = { category: 'Paper', product: 'Pad', discount: 0, profit: 1 };

test('an order that is there already has the new city of its customer', async () => {
  const run = await givenPipeline(shop);
  await run.given('orders', [event({ type: 'order.placed', key: 'o1', data: { ...order, ...rest, ...more } })]);
  await run.given('customers', [event({ type: 'customer.changed', key: 'ann', data: ann })]);
  await run.settled();
  await run.given('customers', [event({ type: 'customer.changed', key: 'ann', data: { ...ann, city: 'Genf' } })]);
  await run.settled();
  expect(run.table('named')).toEqual([{ order_id: 'o1', status: 'PENDING', sales: 9.5, name: 'Ann', city: 'Genf' }]);
});
