import { expect, test } from 'vitest';
import { z } from 'zod';
import { defineTable } from '../../functions/runtime/table.ts';
import { postgresSink } from '../../functions/sinks/postgres/postgres.ts';
import { BasketRow, basket, CartEvent } from '../../functions/tables/basket.ts';
import { definePipeline } from '../../infra/pipelines/pipeline.ts';
import { givenPipeline } from '../kit/given.ts';
import { event } from '../kit/given-events.ts';
import { inAnyOrder } from '../kit/in-any-order.ts';

const Change = BasketRow.extend({ before: BasketRow.nullable() });

const shop = definePipeline({
  name: 'shop',
  streams: { cart: { schema: CartEvent, shards: 2 }, basket_changes: { schema: Change } },
  tables: { basket: { from: 'cart', keep: basket, changes: { to: 'basket_changes', before: true } } },
});

const time = '2026-01-01T00:00:00Z';
const cart = (type: 'added' | 'removed', item: string, quantity = 1) =>
  event({ type: `item.${type}`, key: 'ann', time, data: { customer_id: 'ann', item, quantity } });

test('the change stream says what was inserted, updated and deleted, with the row as it was', async () => {
  const run = await givenPipeline(shop);
  await run.given('cart', [cart('added', 'tea', 2), cart('added', 'cup'), cart('removed', 'cup')]);
  await run.settled();
  await run.given('cart', [cart('added', 'tea')]);
  await run.settled();
  await run.given('cart', [cart('removed', 'tea', 3)]);
  await run.settled();
  const tea = (quantity: number) => ({ customer_id: 'ann', item: 'tea', quantity, changed: time });
  const changes = run.stream('basket_changes').events();
  expect(changes.map(({ type, key, time: at, data }) => ({ type, key, at, data }))).toEqual([
    { type: 'basket.inserted', key: '["ann","tea"]', at: time, data: { ...tea(2), before: null } },
    { type: 'basket.updated', key: '["ann","tea"]', at: time, data: { ...tea(3), before: tea(2) } },
    { type: 'basket.deleted', key: '["ann","tea"]', at: time, data: { ...tea(3), before: tea(3) } },
  ]);
  expect(run.table('basket')).toEqual([]);
});
