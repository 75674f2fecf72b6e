import { expect, test } from 'vitest';
import { hours } from '../../infra/pipelines/pipeline.ts';
import { shop } from '../../infra/pipelines/shop.ts';
import { givenPipeline } from '../kit/given.ts';
import { event } from '../kit/given-events.ts';
import { inAnyOrder } from '../kit/in-any-order.ts';

const cart = (type: string, item: string, quantity: number) => cartOf('ann', type, { item, quantity });
const cartOf = (customer_id: string, type: string, what: { item: string; quantity: number }) =>
  event({ type, key: customer_id, data: { customer_id, ...what } });

const sale = (row_id: number, region: string, sales: number) =>
  event({
    type: 'line.sold',
    key: region,
    sequence: `${row_id}`,
    data: {
      ...{ row_id, region, sales, order_id: 'o1', customer_id: 'ann', category: 'Paper', product: 'Pad', quantity: 1 },
      ...{ profit: sales / 2, sold: '2026-01-01T10:00:00Z' },
    },
  });

const soldAt = (time: string, sold: ReturnType<typeof sale>) => event({ ...sold, time });

test('what is in the baskets is what was added and not taken out, by customer', async () => {
  const run = await givenPipeline(shop);
  await run.given('cart', [
    cart('item.added', 'tea', 2),
    cartOf('bob', 'item.added', { item: 'tea', quantity: 1 }),
    cart('item.added', 'cup', 1),
    cart('item.removed', 'tea', 1),
    cart('item.removed', 'cup', 1),
  ]);
  run.when.fails('basket postgres.Commit', 'reply lost');
  await run.settled();
  expect(
    run
      .table('basket')
      .map(({ customer_id, item, quantity }) => `${customer_id} ${item} ${quantity}`)
      .sort(),
  ).toEqual(['ann tea 1', 'bob tea 1']);
});

test('the changes of the baskets are a stream, and its mirror is the baskets again, also while its database was away', async () => {
  const run = await givenPipeline(shop);
  await run.given('cart', [cart('item.added', 'tea', 2), cart('item.added', 'cup', 1), cart('item.added', 'pot', 1)]);
  await run.settled();
  await run.when.down('basket_copy postgres', hours(1));
  await run.given('cart', [cart('item.removed', 'cup', 1), cart('item.removed', 'tea', 1)]);
  await run.settled();
  const types = run
    .stream('basket_changes')
    .events()
    .map(({ type, data }) => `${type} ${(data as { item: string }).item}`);
  expect(types.slice(3).sort()).toEqual(['basket.deleted cup', 'basket.updated tea']);
  expect(inAnyOrder(run.table('basket_copy'))).toEqual(inAnyOrder(run.table('basket')));
  expect(
    run
      .table('basket_copy')
      .map(({ item, quantity }) => `${item} ${quantity}`)
      .sort(),
  ).toEqual(['pot 1', 'tea 1']);
});

test('a sale that the till sends again counts once in the sales of its quarter of an hour', async () => {
  const run = await givenPipeline(shop);
  await run.given('sales', [sale(1, 'West', 10.25), sale(2, 'East', 4), sale(3, 'West', 0.1)]);
  await run.given('sales', [sale(2, 'East', 4), sale(3, 'West', 0.1), sale(4, 'East', 1)]);
  await run.settled();
  expect(
    run
      .table('region_quarters')
      .map(({ region, lines, sales }) => `${region} ${lines} ${sales}`)
      .sort(),
  ).toEqual(['East 2 5', 'West 2 10.35']);
});

test('a sale counts in the quarter of an hour in which it was made, also six hours later, and one of yesterday is late', async () => {
  const run = await givenPipeline(shop, { start: '2026-01-02T16:00:00Z' });
  await run.given('sales', [
    soldAt('2026-01-02T10:00:00Z', sale(1, 'West', 10.25)),
    soldAt('2026-01-02T10:14:59.999Z', sale(2, 'West', 4)),
    soldAt('2026-01-02T10:15:00Z', sale(3, 'West', 0.1)),
    soldAt('2026-01-02T15:59:00Z', sale(4, 'East', 1)),
    soldAt('2026-01-02T10:01:00Z', sale(5, 'West', 0.2)),
    soldAt('2026-01-01T15:44:00Z', sale(6, 'East', 2)),
  ]);
  await run.settled();
  expect(
    run
      .table('region_quarters')
      .map(
        ({ region, window_start, lines, sales }) => `${region} ${String(window_start).slice(11, 16)} ${lines} ${sales}`,
      )
      .sort(),
  ).toEqual(['East 15:45 1 1', 'West 10:00 3 14.45', 'West 10:15 1 0.1']);
  expect(run.deadLetters('region_quarters')).toMatchObject([{ reason: 'late' }]);
});

const customer = (customer_id: string, spent: number) =>
  event({
    type: 'customer.changed',
    key: customer_id,
    data: { customer_id, name: `Name of ${customer_id}`, segment: 'Consumer', spent },
  });

test('a sale has the name of its customer as it stands, and none when the customer is not known', async () => {
  const run = await givenPipeline(shop);
  await run.given('sales', [sale(1, 'West', 10)]);
  await run.settled();
  await run.given('customers', [customer('ann', 20)]);
  await run.settled();
  await run.given('sales', [sale(2, 'East', 4.5)]);
  await run.settled();
  expect(run.table('sales_with_customers').map(({ row_id, name, sales }) => [row_id, name, sales])).toEqual([
    [1, null, 10],
    [2, 'Name of ann', 4.5],
  ]);
});

test('an alert is a bad rating by one of the best customers, also when the reply to its commit is lost', async () => {
  const run = await givenPipeline(shop);
  await run.given('customers', [customer('ann', 5000), customer('bob', 4999.99)]);
  await run.settled();
  run.when.fails('alert postgres.Commit', 'reply lost');
  const rating = (rating_id: number, customer_id: string, stars: number) =>
    event({
      type: 'product.rated',
      key: customer_id,
      data: { rating_id, customer_id, product: 'Pad', stars, rated: '2026-01-01T10:00:00Z' },
    });
  await run.given('ratings', [rating(1, 'ann', 2), rating(2, 'ann', 3), rating(3, 'bob', 1), rating(4, 'carl', 1)]);
  await run.settled();
  expect(run.table('alerts')).toEqual([{ rating_id: 1, name: 'Name of ann', spent: 5000, stars: 2, product: 'Pad' }]);
});
