import { expect, test } from 'vitest';
import { s3Sink } from '../../functions/sinks/s3/s3.ts';
import { basket, CartEvent } from '../../functions/tables/basket.ts';
import { definePipeline, hours, minutes } from '../../infra/pipelines/pipeline.ts';
import { givenPipeline } from '../kit/given.ts';
import { event } from '../kit/given-events.ts';

const shop = definePipeline({
  name: 'shop',
  streams: { cart: { schema: CartEvent } },
  tables: { basket: { from: 'cart', keep: basket } },
  sinks: { cart_archive: { from: 'cart', write: s3Sink({ prefix: 'cart-log', lines: 'record' }), every: hours(1) } },
});

const added = (quantity: number) =>
  event({ type: 'item.added', key: 'ann', data: { customer_id: 'ann', item: 'tea', quantity } });

test('a basket is made again of events that the stream has long lost', async () => {
  const run = await givenPipeline(shop, { pollMillis: minutes(10) });
  await run.given('cart', [added(2)]);
  await run.when.pass(hours(30));
  await run.given('cart', [added(3)]);
  await run.settled();
  expect(await run.when.rewound('basket', 'earliest')).toBe(true);
  expect(run.table('basket')).toMatchObject([{ item: 'tea', quantity: 5 }]);
});
