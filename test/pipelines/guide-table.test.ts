import { expect, test } from 'vitest';
import { basket, CartEvent } from '../../functions/tables/basket.ts';
import { definePipeline } from '../../infra/pipelines/pipeline.ts';
import { givenPipeline } from '../kit/given.ts';
import { event } from '../kit/given-events.ts';
import { inAnyOrder } from '../kit/in-any-order.ts';

const shop = definePipeline({
  name: 'shop',
  streams: { cart: { schema: CartEvent, shards: 2 } },
  tables: { basket: { from: 'cart', keep: basket } },
});

const cart = (type: string, item: string, quantity: number) =>
  event({ type, key: 'ann', data: { customer_id: 'ann', item, quantity } });

test('the basket holds what was added and not removed', async () => {
  const run = await givenPipeline(shop);
  await run.given('cart', [
    cart('item.added', 'tea', 2),
    cart('item.added', 'cup', 1),
    cart('item.added', 'tea', 3),
    cart('item.removed', 'cup', 1),
    cart('item.added', 'pot', -1),
  ]);
  await run.settled();
  expect(inAnyOrder(run.table('basket'))).toMatchObject([{ customer_id: 'ann', item: 'tea', quantity: 5 }]);
  expect(run.deadLetters('basket')).toMatchObject([{ reason: 'schema' }]);
});
