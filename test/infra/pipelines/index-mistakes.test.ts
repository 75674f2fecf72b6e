import { expect, test } from 'vitest';
import { basket, CartEvent } from '../../../functions/tables/basket.ts';
import { definePipeline } from '../../../infra/pipelines/pipeline.ts';
import { planOf } from '../../../infra/pipelines/plan.ts';

const shop = (indexes: string[][]) =>
  definePipeline({
    name: 'shop',
    streams: { cart: { schema: CartEvent } },
    tables: { basket: { from: 'cart', keep: basket, indexes } },
  });

test("the indexes of a table reach its function's options", () => {
  const { steps } = planOf(shop([['item'], ['changed', 'customer_id']]), []);
  expect(steps[0]?.options).toEqual({ indexes: [['item'], ['changed', 'customer_id']] });
});

test.each([
  [[['colour']], "step 'basket': an index names 'colour', which is no column of the table: use some of 'customer_id'"],
  [[['item'], ['item']], `step 'basket': it names the index ["item"] twice: name it once`],
  [[[]], "step 'basket': an index has 0 columns: name 1 to 32"],
  [Array.from({ length: 17 }, () => ['item']), "step 'basket': it names 17 indexes: name 16 at most"],
])('a pipeline with the indexes %j is refused', (indexes, message) => {
  expect(() => shop(indexes)).toThrow(message);
});
