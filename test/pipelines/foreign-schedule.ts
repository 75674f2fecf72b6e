import { definePipeline, minutes } from '../../infra/pipelines/pipeline.ts';
import { seededRandom } from '../infra/emulator/mapping/seeded-random.ts';
import { event } from '../kit/given-events.ts';
import { type PipelineRun, startPipelineRun } from '../kit/pipeline-run.ts';
import { Buyer, foreignJoinOf, Named, Purchase } from './foreign-fixture.ts';

const SELECT = 'CREATE TABLE named AS SELECT o.order_id, c.name, o.sales FROM orders o';
const ON = 'customers c ON c.customer_id = o.customer_id WHERE o.sales < 9';
const kinds = {
  inner: await foreignJoinOf(`${SELECT} JOIN ${ON}`),
  left: await foreignJoinOf(`${SELECT} LEFT JOIN ${ON}`),
};

const shopWith = (apply: typeof kinds.inner) =>
  definePipeline({
    name: 'shop',
    streams: {
      orders: { schema: Purchase, shards: 2 },
      customers: { schema: Buyer },
      changes: { schema: Named, shards: 2 },
    },
    joins: { named: { from: { orders: 'orders', customers: 'customers' }, apply, to: 'changes' } },
  });

type Run = PipelineRun<ReturnType<typeof shopWith>['streams']>;
type Below = (count: number) => number;

/** The rows of both tables, by their keys. */
interface Truth {
  readonly orders: Map<string, { readonly customer_id: string | null; readonly sales: number }>;
  readonly customers: Map<string, string>;
}

/**
 * Plays one random schedule of faults, deaths, splits, merges and deployments against a join by a foreign key: orders
 * change, move between few customers and go, and customers come, change and go. Pages are small, so an answer to all
 * orders of a customer takes several transactions. Returns what differs at rest from a join of the latest rows.
 */
export async function playForeignJoin(seed: number): Promise<readonly string[]> {
  const random = seededRandom(seed);
  const below: Below = (count) => Math.floor(random() * count);
  const kind = seed % 2 === 0 ? 'inner' : 'left';
  using run = await startPipelineRun(shopWith(kinds[kind]), { seed, recordBytes: 2_000 });
  run.when.anythingFails({ most: 30, probability: 0.1 });
  const truth: Truth = { orders: new Map(), customers: new Map() };
  for (let handful = 0; handful < 7; handful++) {
    const customers = Array.from({ length: below(4) }, () => someCustomer(truth, below));
    const placed = Array.from({ length: 2 + below(9) }, () => someOrder(truth, below));
    await run.given('customers', customers);
    await run.given('orders', placed);
    await disturb(run, below);
    await run.when.pass(below(4) * 600);
  }
  await run.settled();
  return violationsOf(run, { truth, kind });
}

function someCustomer({ customers }: Truth, below: Below) {
  const customer_id = `c${below(3)}`;
  const name = `n${below(1_000)}`;
  const isGone = below(5) === 0;
  if (isGone) customers.delete(customer_id);
  else customers.set(customer_id, name);
  const type = isGone ? 'customer.deleted' : 'customer.changed';
  return event({ type, key: customer_id, data: { customer_id, name, spent: below(9) } });
}

function someOrder({ orders }: Truth, below: Below) {
  const order_id = `o${below(12)}`;
  const customer_id = below(8) === 0 ? null : `c${below(3)}`;
  const sales = below(11);
  const isGone = below(6) === 0;
  if (isGone) orders.delete(order_id);
  else orders.set(order_id, { customer_id, sales });
  const type = isGone ? 'order.deleted' : 'order.placed';
  return event({ type, key: order_id, data: { order_id, customer_id, sales } });
}

const STEPS = ['named', 'named-matches', 'named-orders', 'named-keys', 'named-customers'] as const;
const STREAMS = ['orders', 'named-by-key', 'named-by-row', 'changes'];

async function disturb(run: Run, below: Below): Promise<void> {
  const step = STEPS[below(STEPS.length)] as 'named';
  const how = below(7);
  if (how === 0) await run.when.resharded(STREAMS[below(STREAMS.length)] as 'orders', 'split');
  if (how === 1) await run.when.resharded(STREAMS[below(STREAMS.length)] as 'orders', 'merge').catch(() => undefined);
  if (how === 2) run.when.killed(step);
  if (how === 3) run.when.recut(step);
  if (how === 4) run.when.deployed(step);
  if (how === 5) await run.when.down(`${step} postgres`, minutes(10)).catch(() => undefined);
  if (how === 6) await run.when.down(`${step} kinesis.PutRecords`, minutes(10));
}

function violationsOf(
  run: Run,
  { truth, kind }: { readonly truth: Truth; readonly kind: 'inner' | 'left' },
): readonly string[] {
  const rows = [...truth.orders].flatMap(([order_id, { customer_id, sales }]) => {
    const name = customer_id === null ? undefined : truth.customers.get(customer_id);
    return sales >= 9 || (name === undefined && kind === 'inner') ? [] : [{ order_id, name: name ?? null, sales }];
  });
  const lines = (all: readonly unknown[]): string =>
    all
      .map((row) => JSON.stringify(row))
      .sort()
      .join('\n');
  const folded = new Map<string, unknown>();
  for (const { type, key, data } of run.stream('changes').events()) {
    if (type === 'named.deleted') folded.delete(key);
    else folded.set(key, data);
  }
  const letters = STEPS.flatMap((step) => run.deadLetters(step as 'named').map(({ message }) => `${step}: ${message}`));
  const should = lines(rows);
  return [
    ...letters,
    ...Object.entries({ table: run.table('named'), changes: [...folded.values()] }).flatMap(([what, found]) =>
      lines(found as readonly unknown[]) === should
        ? []
        : [`the ${what} is\n${lines(found)}\nand should be\n${should}`],
    ),
  ];
}
