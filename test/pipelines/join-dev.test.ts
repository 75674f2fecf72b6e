import { expect, test } from 'vitest';
import { ordersWithCustomers } from '../../functions/joins/orders-with-customers.sql.ts';
import { httpSource } from '../../functions/sources/http/http.ts';
import { Customer } from '../../functions/transforms/customers.ts';
import { Order } from '../../functions/transforms/order-events.ts';
import { everythingDone } from '../../infra/local/everything-done.ts';
import { startLocal } from '../../infra/local/start.ts';
import { readTail } from '../../infra/operation/tail.ts';
import { definePipeline } from '../../infra/pipelines/pipeline.ts';
import { inAnyOrder } from '../kit/in-any-order.ts';

const shop = definePipeline({
  name: 'shop',
  streams: {
    orders: { schema: Order },
    customers: { schema: Customer },
    orders_with_customers: { schema: ordersWithCustomers.to },
  },
  sources: {
    customers_in: {
      read: httpSource({ schema: Customer, type: 'customer.changed', key: 'customer_id' }),
      to: 'customers',
    },
    orders_in: { read: httpSource({ schema: Order, type: 'order.placed', key: 'order_id' }), to: 'orders' },
  },
  joins: {
    joined: {
      from: { orders: 'orders', customers: 'customers' },
      apply: ordersWithCustomers,
      to: 'orders_with_customers',
    },
  },
});

const order = (order_id: string, customer_id: string) => ({
  ...{ order_id, customer_id, row_id: 1, status: 'PENDING', ordered: '2026-01-01', shipped: '2026-01-02' },
  ...{ segment: 'Consumer', region: 'West', state: 'Utah', category: 'Paper', product: 'Pad', quantity: 1, sales: 9.5 },
  ...{ discount: 0, profit: 1 },
});

test('on a laptop a join keeps its rows in a real Postgres, and its three steps run from one module', async () => {
  const log: string[] = [];
  const { signal } = new AbortController();
  await using running = new AsyncDisposableStack();
  const local = await startLocal(
    { pipelines: [shop], onLog: (name, line) => log.push(`${name}: ${line}`), trace: () => () => undefined, signal },
    running,
  );
  const [customersUrl = '', ordersUrl = ''] = [...local.runner.urls.values()];
  const send = async (url: string, data: object): Promise<void> => {
    const headers = { 'content-type': 'application/json' };
    expect((await fetch(url, { method: 'POST', headers, body: JSON.stringify(data) })).status).toBe(202);
  };
  await send(customersUrl, { customer_id: 'ann', name: 'Ann', segment: 'Consumer', city: 'Bern' });
  await everythingDone(local, signal);
  for (const [id, customer] of [
    ['o1', 'ann'],
    ['o2', 'bob'],
  ] as const)
    await send(ordersUrl, order(id, customer));
  await everythingDone(local, signal);
  const [plan] = local.runner.steps.filter(({ kind }) => kind === 'table');
  if (plan === undefined || !('output' in plan)) throw new Error('the join has no step with an output');
  const joined: unknown[] = [];
  await readTail(
    {
      kinesis: local.stage.clients.kinesis,
      stream: local.stage.streamName(plan.output),
      from: 'earliest',
      follow: false,
      signal,
    },
    { event: ({ key, data }) => joined.push({ key, data }), rejection: (rejection) => joined.push(rejection) },
  );
  const made = { status: 'PENDING', sales: 9.5 };
  expect(inAnyOrder(joined), log.join('\n')).toEqual([
    { key: 'ann', data: { order_id: 'o1', ...made, name: 'Ann', city: 'Bern', segment: 'Consumer' } },
    { key: 'bob', data: { order_id: 'o2', ...made, name: null, city: null, segment: null } },
  ]);
  expect(local.runner.steps.map(({ name }) => name).sort()).toEqual([
    'customers_in',
    'joined',
    'joined-customers',
    'joined-orders',
    'orders_in',
  ]);
  expect(local.counts.of('shop/joined'), 'a row is taken and appends nothing').toMatchObject({
    eventsIn: 3,
    eventsOut: 2,
  });
  expect(log).toEqual([]);
});
