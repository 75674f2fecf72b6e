import { deepStrictEqual } from 'node:assert';
import type { KinesisStreamEvent } from 'aws-lambda';
import { ordersWithCustomers } from '../../functions/joins/orders-with-customers.sql.ts';
import { openSink } from '../../functions/runtime/sink-handler.ts';
import { openTransform } from '../../functions/runtime/transform-handler.ts';
import { tableDefinition } from '../../functions/table-state/table-handler.ts';
import { textTable } from '../../infra/text-table.ts';
import { startPostgres } from '../kit/servers.ts';
import { cpuMeter, type Spent, totalOf, typical } from './cpu.ts';
import { openTarget } from './in-memory.ts';
import { appendGiven, BEFORE, deliver, eventsIn, type GivenEvent, surroundingsOf, unread } from './step-log.ts';

const [ORDERS, CUSTOMERS] = [Number(process.argv[2] ?? 1_000_000), Number(process.argv[3] ?? 100_000)];
const ROUNDS = 10;
const MOST_CPU_SECONDS = 15;

/**
 * Measures the CPU of a join of a stream with a table, the database server's included: two steps re-key the inputs, and
 * the step that joins keeps the customers in Postgres and publishes the orders with them. Log and checkpoints are in
 * memory. The anchor does the least that a join can do, in memory and without a promise: it decodes the orders, finds
 * their customers in a Map, and writes JSON. Its outputs are what the join's are compared with.
 */
async function benchJoins(): Promise<void> {
  await using running = new AsyncDisposableStack();
  const server = await startPostgres({ flags: ['-c', 'fsync=on', '-c', 'max_wal_size=8GB'] });
  running.defer(server.stop);
  const database = await server.createDatabase();
  const client = await server.connect(database);
  running.defer(() => client.end());
  const measure = await cpuMeter(client);
  const { host, port, user, password } = server;
  const resources = { host, port, database, user, tls: 'off' as const, auth: { password } };
  const own = [BEFORE, '/bench/joined-orders/', '/bench/joined-customers/'];
  const target = openTarget(['orders', 'customers', 'by-key', 'joined'], { own });
  const { rekey, keep } = ordersWithCustomers;
  const rekeying = (input: string) =>
    openTransform(rekey(input), surroundingsOf(target, `joined-${input}`, { input, output: 'by-key' }));
  const of = { input: 'by-key', output: 'joined', options: { changes: { before: false } }, resources };
  const steps = {
    orders: rekeying('orders'),
    customers: rekeying('customers'),
    join: openSink(tableDefinition(keep), surroundingsOf(target, 'joined', of)),
  };
  const [byKey, outputs] = [unread(target, 'by-key'), unread(target, 'joined')];
  const given = { orders: unread(target, 'orders'), customers: unread(target, 'customers') };
  const joinAll = async (input: 'orders' | 'customers', batches: readonly KinesisStreamEvent[]): Promise<Spent> => {
    const rekeyed = await measure(() => deliver(steps[input], batches));
    const between = await byKey();
    const joined = await measure(() => deliver(steps.join, between));
    return { own: rekeyed.own + joined.own, server: rekeyed.server + joined.server };
  };
  await appendGiven(target, 'customers', { first: 0, count: CUSTOMERS, make: customerOf });
  const loading = await joinAll('customers', await given.customers());
  const spent = { ours: [] as Spent[], anchor: [] as Spent[] };
  for (let round = 0; round < ROUNDS; round++) {
    const count = ORDERS / ROUNDS;
    await appendGiven(target, 'orders', { first: count * round, count, make: orderOf });
    const batches = await given.orders();
    spent.ours.push(await joinAll('orders', batches));
    let expected: readonly string[] = [];
    spent.anchor.push(await measure(async () => (expected = joinedInMemory(batches))));
    deepStrictEqual(
      eventsIn(await outputs()).map(({ dataBytes }) => Buffer.from(dataBytes).toString()),
      expected,
    );
  }
  print({ loading, ours: typical(spent.ours), anchor: typical(spent.anchor) });
}

function print({ loading, ours, anchor }: Record<'loading' | 'ours' | 'anchor', Spent>): void {
  const total = totalOf(loading) + totalOf(ours);
  const isMet = total <= MOST_CPU_SECONDS;
  console.log(
    textTable(
      [`${ORDERS} orders joined with ${CUSTOMERS} customers`, 'ours', 'target', ''],
      [
        ['CPU seconds', total.toFixed(1), `≤ ${MOST_CPU_SECONDS}`, isMet ? 'ok' : 'MISSED'],
        ['of these, for the customers', totalOf(loading).toFixed(1), '', ''],
        ['in the functions', (loading.own + ours.own).toFixed(1), '', ''],
        ['in Postgres', (loading.server + ours.server).toFixed(1), '', ''],
        ['anchor: decode, join in a Map, write JSON', anchor.own.toFixed(1), '', ''],
      ],
    ),
  );
  if (!isMet) process.exitCode = 1;
}

const customer = (n: number) => ({
  customer_id: `CG-${n}`,
  name: `Customer Näme ${n}`,
  segment: 'Consumer',
  city: 'Los Angeles',
});

const customerOf = (n: number): GivenEvent => ({ key: `CG-${n}`, type: 'customer.changed', data: customer(n) });

/** The number of a customer of an order: neighbours are far apart. */
const customerNumber = (order: number): number => (order * 7_919) % CUSTOMERS;

function orderOf(index: number): GivenEvent {
  const order = { row_id: index, order_id: `CA-2014-${index}`, status: 'COMPLETE', ordered: '2014-01-01' };
  const customer_id = `CG-${customerNumber(index)}`;
  const place = { shipped: '2014-01-03', customer_id, segment: 'Consumer', region: 'West', state: 'California' };
  const line = { category: 'Furniture', product: 'Bush Somerset Collection Bookcase', quantity: 2 };
  const data = { ...order, ...place, ...line, sales: 261.96, discount: 0, profit: 41.91 };
  return { key: order.order_id, type: 'order.placed', data };
}

const known = new Map(Array.from({ length: CUSTOMERS }, (_, n) => [`CG-${n}`, customer(n)]));

function joinedInMemory(batches: readonly KinesisStreamEvent[]): readonly string[] {
  return eventsIn(batches).map((event) => {
    const { order_id, status, sales, customer_id } = event.data as Readonly<Record<string, string | number>>;
    const { name, city, segment } = known.get(String(customer_id)) ?? {};
    return JSON.stringify({ order_id, status, sales, name, city, segment });
  });
}

if (import.meta.main) await benchJoins();
