import { definePipeline, minutes } from '../../infra/pipelines/pipeline.ts';
import { seededRandom } from '../infra/emulator/mapping/seeded-random.ts';
import { event } from '../kit/given-events.ts';
import { type PipelineRun, startPipelineRun } from '../kit/pipeline-run.ts';
import { Customer, Enriched, joinOf, Order } from './join-fixture.ts';

const apply = await joinOf(
  'SELECT o.order_id, c.segment, 100 / o.sales AS sales FROM orders o LEFT JOIN customers c USING (customer_id)',
);

const shop = definePipeline({
  name: 'shop',
  streams: {
    orders: { schema: Order, shards: 2 },
    customers: { schema: Customer },
    enriched: { schema: Enriched, shards: 2 },
  },
  joins: { enriched: { from: { orders: 'orders', customers: 'customers' }, apply, to: 'enriched' } },
});

type Run = PipelineRun<typeof shop.streams>;
type Below = (count: number) => number;

/**
 * Plays one random schedule of faults, deaths, splits, merges and deployments against a join, and folds the log of both
 * sides here: what an order meets is the row of its customer at that place of the log. Returns a line for each key
 * whose joined events differ, and for events that were lost or doubled on the way.
 */
export async function playJoin(seed: number): Promise<readonly string[]> {
  const random = seededRandom(seed);
  const below: Below = (count) => Math.floor(random() * count);
  using run = await startPipelineRun(shop, { seed, recordBytes: 2_000 });
  run.when.anythingFails({ most: 30, probability: 0.1 });
  let [orders, rows] = [0, 0];
  for (let handful = 0; handful < 8; handful++) {
    const customers = Array.from({ length: below(4) }, () => someCustomer(below));
    const placed = Array.from({ length: 1 + below(8) }, () => someOrder(++orders, below));
    rows += customers.length;
    await run.given('customers', customers);
    await run.given('orders', placed);
    await disturb(run, below);
    await run.when.pass(below(4) * 600);
  }
  await run.settled();
  return violationsOf(run, orders + rows);
}

function someCustomer(below: Below) {
  const customer_id = `c${below(4)}`;
  const type = below(5) === 0 ? 'customer.deleted' : 'customer.changed';
  return event({ type, key: customer_id, data: { customer_id, segment: `s${below(100)}` } });
}

function someOrder(order_id: number, below: Below) {
  const customer_id = below(8) === 0 ? null : `c${below(5)}`;
  return event({ type: 'order.placed', key: `o${order_id}`, data: { order_id, customer_id, sales: below(12) } });
}

async function disturb(run: Run, below: Below): Promise<void> {
  const byKey = 'enriched-by-key' as never;
  const how = below(12);
  if (how === 0) await run.when.resharded('orders', 'split');
  if (how === 1) await run.when.resharded(byKey, 'split');
  if (how === 2) await run.when.resharded(byKey, 'merge').catch(() => undefined);
  if (how === 3) await run.when.resharded('enriched', 'split');
  if (how === 4) run.when.killed('enriched');
  if (how === 5) run.when.killed('enriched-orders');
  if (how === 6) run.when.recut('enriched');
  if (how === 7) run.when.deployed('enriched');
  if (how === 8) await run.when.down('enriched postgres', minutes(10));
  if (how === 9) await run.when.down('enriched kinesis.PutRecords', minutes(10));
}

interface Side {
  readonly side: string;
  readonly key: string | null;
  readonly row: Readonly<Record<string, unknown>>;
}

function violationsOf(run: Run, given: number): readonly string[] {
  const log = run.stream('enriched-by-key' as never).events();
  const rows = new Map<string | null, unknown>();
  const expected = new Map<string, string[]>();
  let failed = 0;
  for (const { type, key, data } of log) {
    const { side, key: joined, row } = data as Side;
    if (side === 'customers') {
      if (type === 'customer.deleted') rows.delete(joined);
      else rows.set(joined, row.segment);
    } else if (row['o.sales'] === 0) failed += 1;
    else {
      const line = `${row['o.order_id']} ${joined === null ? null : (rows.get(joined) ?? null)}`;
      expected.set(key, [...(expected.get(key) ?? []), line]);
    }
  }
  const found = new Map<string, string[]>();
  for (const { key, data } of run.stream('enriched').events()) {
    const { order_id, segment } = data as { readonly order_id: number; readonly segment: string | null };
    found.set(key, [...(found.get(key) ?? []), `${order_id} ${segment}`]);
  }
  const letters = run.deadLetters('enriched').length;
  return [
    ...(log.length === given ? [] : [`${log.length} events of ${given} were re-keyed`]),
    ...(letters === failed ? [] : [`${letters} dead letters of ${failed}`]),
    ...[...new Set([...expected.keys(), ...found.keys()])].flatMap((key) => {
      const [is, should] = [found, expected].map((lines) => lines.get(key)?.join(', ') ?? 'nothing');
      return is === should ? [] : [`${key} is ${is}, and should be ${should}`];
    }),
  ];
}
