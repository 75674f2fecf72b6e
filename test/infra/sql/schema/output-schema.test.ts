import { expect, test } from 'vitest';
import { z } from 'zod';
import { planFor } from '../../../../infra/sql/compile.ts';
import { outputSchemaCode } from '../../../../infra/sql/schema/output-schema.ts';

const Order = z.object({
  id: z.int(),
  status: z.enum(['OPEN', 'PAID']),
  paid: z.boolean().nullable(),
  total: z.number().positive().nullable(),
  note: z.string().optional(),
  code: z.string().trim(),
  placed: z.iso.datetime(),
  'Ship Mode': z.string().nullable(),
  tags: z.array(z.string()).nullable(),
  payload: z.json(),
});

const planOf = (text: string) => planFor({ file: 'q.sql', text }, Order);

test.each([
  // IS NOT NULL, and every comparison, is only true of a value that is there.
  ['total IS NOT NULL', ['total']],
  ['total > 3', ['total']],
  ['3 < total + id', ['total']],
  ['total > 3 AND note = id::text', ['total', 'note']],
  ['total > 3 OR note = id::text', []],
  ['(total > 3 AND note IS NOT NULL) OR note = id::text', ['note']],
  ['NOT total > 3', ['total']],
  ['total IS NULL', []],
  ['(total > 3) IS NOT TRUE', []],
  ['(total > 3) IS FALSE', ['total']],
  ['(total > 3) IS TRUE AND (note IS NOT NULL) IS TRUE', ['total', 'note']],
  ['paid', ['paid']],
  ['NOT paid', ['paid']],
  ['coalesce(total, 1) > 0', []],
  ['total IS DISTINCT FROM 3', []],
  ["note LIKE 'a%'", ['note']],
  ["note IN ('a', 'b')", ['note']],
  ["note NOT IN ('a', 'b')", ['note']],
  ['note <> ALL(tags)', []],
  ['note = ANY(tags)', ['note']],
  ["concat(note, 'a') = 'a'", []],
  ["CASE WHEN note IS NULL THEN true ELSE note = 'a' END", []],
  ['total BETWEEN 1 AND 2', ['total']],
  ["payload ->> 'a' = 'b'", ['payload']],
])('WHERE %s proves that these are there: %j', async (where, present) => {
  const { outputs } = await planOf(`SELECT paid, total, note, tags, payload FROM orders WHERE ${where}`);
  const never = outputs.filter(({ expression }) => !expression.nullable).map(({ name }) => name);
  expect(never).toEqual(['paid', 'total', 'note', 'tags', 'payload'].filter((name) => present.includes(name)));
});

test('a copied column has the schema of its input, one that is computed that of its type', async () => {
  const { outputs } = await planOf(
    `SELECT id AS number, status, total, note, code, placed, "Ship Mode", upper(status) AS shouted, id / 2 AS half,
       total * 2 AS twice, date_trunc('day', placed) AS day, id::int AS small, payload, payload -> 'a' AS a
     FROM orders`,
  );
  expect(outputSchemaCode(outputs, { schema: Order, name: 'Order' })).toBe(`z.object({
number: Order.shape.id,
status: Order.shape.status,
total: Order.shape.total,
note: z.string().nullable(),
code: z.string(),
placed: Order.shape.placed,
"Ship Mode": Order.shape['Ship Mode'],
shouted: z.string(),
half: z.number().meta({ sql: 'bigint' }),
twice: z.number().meta({ sql: 'numeric' }).nullable(),
day: z.string().meta({ sql: 'timestamptz' }),
small: z.int32(),
payload: z.json(),
a: z.json(),
})`);
});

test('what WHERE proves is part of the schema', async () => {
  const { outputs } = await planOf('SELECT total, note FROM orders WHERE total > 0 AND note IS NOT NULL');
  expect(outputSchemaCode(outputs, { schema: Order, name: 'Order' })).toBe(
    'z.object({\ntotal: Order.shape.total.unwrap(),\nnote: z.string(),\n})',
  );
});
