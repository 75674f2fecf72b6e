import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { planFor } from '../../../infra/sql/compile.ts';
import { expectMistake } from './marked-mistake.ts';
import { MISTAKES } from './mistakes.ts';

const Order = z.object({
  order_id: z.int(),
  status: z.string().nullable(),
  sales: z.number(),
  paid: z.boolean(),
  tags: z.array(z.string()),
  items: z.array(z.object({ sku: z.string(), qty: z.int32() })),
  address: z.object({ city: z.string() }),
  payload: z.json(),
  uid: z.uuid(),
});

const cases = MISTAKES.flatMap(([about, rows]) => rows.map((mistake) => ({ about, mistake })));

describe('a mistake is reported with its position and a hint', () => {
  test.each(cases)('$about: $mistake.0', async ({ mistake }) => {
    await expectMistake(mistake, 'q.sql', (text) =>
      planFor({ file: 'q.sql', text }, Order, { from: 'orders', to: 'completed' }),
    );
  });
});

test('an unknown column that resembles no other is reported with the list of columns', async () => {
  const statement = planFor({ file: 'q.sql', text: 'SELECT quantity FROM orders' }, z.object({ a: z.string() }));
  await expect(statement).rejects.toThrow('hint: the columns are a, key, time, source, id, type');
});
