import { expect, test } from 'vitest';
import { postgresSink } from '../../functions/sinks/postgres/postgres.ts';
import { BasketRow, basket, CartEvent } from '../../functions/tables/basket.ts';
import { definePipeline } from '../../infra/pipelines/pipeline.ts';
import { givenPipeline } from '../kit/given.ts';
import { event } from '../kit/given-events.ts';

const BasketChange = BasketRow.extend({ before: BasketRow.nullable() });

const shop = definePipeline({
  name: 'shop',
  streams: { cart: { schema: CartEvent, shards: 2 }, basket_changes: { schema: BasketChange } },
  tables: { basket: { from: 'cart', keep: basket, changes: { to: 'basket_changes', before: true } } },
  sinks: {
    copy: {
      from: 'basket_changes',
      write: postgresSink({ table: 'baskets', key: ['customer_id', 'item'], mode: 'mirror', create: true }),
    },
  },
});

const cart = (type: string, item: string) =>
  event({ type, key: 'ann', data: { customer_id: 'ann', item, quantity: 1 } });

test('the changes of the basket are a stream, and a mirror of them is the basket again', async () => {
  const run = await givenPipeline(shop);
  await run.given('cart', [cart('item.added', 'tea'), cart('item.added', 'cup')]);
  await run.settled();
  await run.given('cart', [cart('item.removed', 'cup'), cart('item.added', 'tea')]);
  await run.settled();
  const changes = run.stream('basket_changes').events();
  expect(changes.map(({ type, key }) => `${type} ${key}`)).toEqual([
    'basket.inserted ["ann","tea"]',
    'basket.inserted ["ann","cup"]',
    'basket.deleted ["ann","cup"]',
    'basket.updated ["ann","tea"]',
  ]);
  expect(changes.at(-1)?.data).toMatchObject({ item: 'tea', quantity: 2, before: { item: 'tea', quantity: 1 } });
  expect(run.table('baskets')).toMatchObject([{ item: 'tea', quantity: 2 }]);
});
