import { defineTable } from '../../functions/runtime/table.ts';
import { postgresSink } from '../../functions/sinks/postgres/postgres.ts';
import { BasketRow, basket, CartEvent } from '../../functions/tables/basket.ts';
import { definePipeline, minutes } from '../../infra/pipelines/pipeline.ts';
import { seededRandom } from '../infra/emulator/mapping/seeded-random.ts';
import { event } from '../kit/given-events.ts';
import { type PipelineRun, startPipelineRun } from '../kit/pipeline-run.ts';
import { differencesOfChanges } from './changes-compared.ts';

const Change = BasketRow.extend({ before: BasketRow.nullable() });

/** Sums the changes of the baskets: the difference of each one. */
const summed = defineTable({
  entry: import.meta.url,
  from: Change,
  row: BasketRow.pick({ customer_id: true, item: true, quantity: true }),
  key: ['customer_id', 'item'],
  reduce: (row, { type, data }) => {
    const { customer_id, item, before } = data;
    const now = type === 'basket.deleted' ? 0 : data.quantity;
    const quantity = (row?.quantity ?? 0) + now - (before?.quantity ?? 0);
    return quantity === 0 ? undefined : { customer_id, item, quantity };
  },
});

const shop = definePipeline({
  name: 'shop',
  streams: { cart: { schema: CartEvent, shards: 2 }, basket_changes: { schema: Change } },
  tables: {
    basket: { from: 'cart', keep: basket, changes: { to: 'basket_changes', before: true } },
    summed: { from: 'basket_changes', keep: summed },
  },
  sinks: {
    copy: {
      from: 'basket_changes',
      write: postgresSink({ table: 'copy', key: ['customer_id', 'item'], mode: 'mirror' }),
    },
  },
});

interface Given {
  readonly type: string;
  readonly key: string;
  readonly data: { readonly customer_id: string; readonly item: string; readonly quantity: number };
}

/**
 * Plays one random schedule of faults, splits, merges, deaths and redrives against a table step, and folds the same
 * events here. Returns a line for each row and each dead letter that differs.
 */
export async function playTables(seed: number): Promise<readonly string[]> {
  const random = seededRandom(seed);
  const below = (count: number): number => Math.floor(random() * count);
  using run = await startPipelineRun(shop, { seed, recordBytes: 2_000 });
  let isStrict = true;
  run.when.refused('basket', ({ quantity }) => (isStrict && Number(quantity) > MOST ? 'few' : undefined));
  run.when.anythingFails({ most: 30, probability: 0.1 });
  const all: Given[] = [];
  for (let handful = 0; handful < 8; handful++) {
    const some = Array.from({ length: 1 + below(12) }, () => someEvent(below));
    all.push(...some);
    await run.given('cart', some.map(event));
    await disturb(run, below);
    await disturbMore(run, below);
    await run.when.pass(below(4) * 600);
  }
  await run.settled();
  const before = violationsOf(run, all, { redriven: false });
  isStrict = false;
  await redriveAll(run);
  await run.settled();
  return [...before, ...violationsOf(run, all, { redriven: true })];
}

/** The constraint's limit, and a quantity that no other events bring below it: so it is rejected in any batch. */
const MOST = 1_000;
const TOO_MANY = 10_000;

function someEvent(below: (count: number) => number): Given {
  const customer_id = `c${below(4)}`;
  const data = { customer_id, item: `i${below(3)}`, quantity: below(15) === 0 ? TOO_MANY : 1 + below(3) };
  return { type: below(3) === 0 ? 'item.removed' : 'item.added', key: below(25) === 0 ? 'stray' : customer_id, data };
}

async function disturb(run: PipelineRun<typeof shop.streams>, below: (count: number) => number): Promise<void> {
  const how = below(8);
  if (how === 0) await run.when.resharded('cart', 'split');
  if (how === 1) await run.when.resharded('cart', 'merge').catch(() => undefined);
  if (how === 2) run.when.killed('basket');
  if (how === 3) run.when.recut('basket');
  if (how === 4) await run.when.down('basket postgres', minutes(10));
}

/** What happens to the change stream and its readers. */
async function disturbMore(run: PipelineRun<typeof shop.streams>, below: (count: number) => number): Promise<void> {
  const how = below(12);
  if (how === 0) await run.when.resharded('basket_changes', 'split');
  if (how === 1) await run.when.resharded('basket_changes', 'merge').catch(() => undefined);
  if (how === 2) run.when.deployed('basket');
  if (how === 3) await run.when.down('basket kinesis.PutRecords', minutes(10));
  if (how === 4) run.when.killed('copy');
  if (how === 5) run.when.killed('summed');
}

async function redriveAll(run: PipelineRun<typeof shop.streams>): Promise<void> {
  for (let attempt = 0; attempt < 20; attempt++) if (await run.when.redriven('basket', { operators: 2 })) return;
}

/**
 * Folds the events of each key, in their order; redriven ones come last. A stray event is of another shard, and may
 * come before or after those of its row: its row is left out.
 */
function violationsOf(
  run: PipelineRun<typeof shop.streams>,
  all: readonly Given[],
  { redriven }: { readonly redriven: boolean },
): readonly string[] {
  const idOf = ({ data }: Given): string => `${data.customer_id} ${data.item}`;
  const strays = new Set(all.filter(({ key }) => key === 'stray').map(idOf));
  const expected = new Map<string, number>();
  const certain = all.filter((given) => !strays.has(idOf(given)));
  const isRefused = ({ type, data }: Given): boolean => type === 'item.added' && data.quantity === TOO_MANY;
  const refused = certain.filter(isRefused);
  for (const one of [...certain.filter((given) => !isRefused(given)), ...(redriven ? refused : [])]) {
    const before = expected.get(idOf(one)) ?? 0;
    const after = before + (one.type === 'item.removed' ? -one.data.quantity : one.data.quantity);
    if (after > 0) expected.set(idOf(one), after);
    else expected.delete(idOf(one));
  }
  const rows = run.table('basket') as readonly Given['data'][];
  const found = new Map(rows.map((data) => [`${data.customer_id} ${data.item}`, data.quantity]));
  const ids = new Set([...expected.keys(), ...found.keys()]);
  const different = [...ids].filter((id) => !strays.has(id) && expected.get(id) !== found.get(id));
  const letters = run.deadLetters('basket').filter(({ text = '' }) => {
    const { data } = JSON.parse(text) as Given;
    return !strays.has(`${data.customer_id} ${data.item}`);
  });
  return [
    ...differencesOfChanges(run, 'basket', 'basket_changes'),
    ...differencesOfCopies(run, strays),
    ...different.map((id) => `${id} is ${found.get(id)} and should be ${expected.get(id)}`),
    ...(letters.length === (redriven ? 0 : refused.length)
      ? []
      : [`${letters.length} dead letters of ${refused.length}`]),
  ];
}

/**
 * Compares the table with what a mirror and another table have made of its changes. The changes of a row with a stray
 * event may come from two shards, whose order nobody keeps: such rows are left out.
 */
function differencesOfCopies(run: PipelineRun<typeof shop.streams>, strays: ReadonlySet<string>): readonly string[] {
  const textOf = (found: readonly object[]): string =>
    (found as readonly Given['data'][])
      .filter(({ customer_id, item }) => !strays.has(`${customer_id} ${item}`))
      .map(({ customer_id, item, quantity }) => `${customer_id} ${item} ${quantity}`)
      .toSorted()
      .join(', ');
  const letters = ['copy', 'summed'].flatMap((step) => run.deadLetters(step));
  const rows = run.table('basket');
  return [
    ...letters.map(({ reason, message }) => `a change is a dead letter: ${reason} ${message}`),
    ...['copy', 'summed'].flatMap((name) =>
      textOf(run.table(name)) === textOf(rows) ? [] : [`${name} has ${textOf(run.table(name))}, not ${textOf(rows)}`],
    ),
  ];
}
