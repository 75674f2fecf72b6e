import { expect, test } from 'vitest';
import { z } from 'zod';
import { planJoin } from '../../../infra/sql/compile-join.ts';
import { explain } from '../../../infra/sql/explain.ts';
import { joinShape } from '../../../infra/sql/plan/join-shape.ts';
import { SqlMistake } from '../../../infra/sql/syntax/source-position.ts';

const Order = z.object({
  order_id: z.string(),
  line: z.int32(),
  customer_id: z.string().nullable(),
  sales: z.number(),
});
const Customer = z.object({ customer_id: z.string(), name: z.string(), city: z.string() });
const schemas = new Map<string, z.ZodType>([
  ['orders', Order],
  ['customers', Customer],
]);

const planOf = (text: string) => planJoin({ file: 'named.sql', text }, schemas);
const KEY = '-- key orders: order_id\n';
const FROM = 'FROM orders o LEFT JOIN customers c ON c.customer_id = o.customer_id';
const NAMED = `CREATE TABLE named AS SELECT o.order_id, c.name, o.sales ${FROM}`;

/** What is wrong at the caret, and the hint. */
const MISTAKES: readonly (readonly [marked: string, problem: string, hint: string])[] = [
  [
    `${KEY}CREATE TABLE named AS ‸SELECT c.name ${FROM}`,
    'the SELECT list lacks o.order_id, which is the key of orders: the rows of the table could not be told apart',
    'add o.order_id to the SELECT list',
  ],
  [`‸-- key orders: order\n${NAMED}`, 'orders has no column "order"', 'it has order_id, line, customer_id, sales'],
  [`‸-- key orders: ordr_id\n${NAMED}`, 'orders has no column "ordr_id"', 'did you mean "order_id"?'],
  [`‸-- key lines: order_id\n${NAMED}`, 'the statement joins no input "lines"', 'its inputs are orders and customers'],
  [
    `${KEY}CREATE TABLE named AS SELECT o.order_id ${FROM.replace('LEFT JOIN ', 'RIGHT JOIN ‸')}`,
    'RIGHT JOIN by a foreign key is not supported: a row of customers that no row of orders names has no key in the result',
    'write JOIN, or LEFT JOIN to keep the rows of orders that meet none',
  ],
  [
    `${KEY}CREATE TABLE named AS SELECT o.order_id ${FROM.replace('LEFT JOIN ', 'FULL JOIN ‸')}`,
    'FULL JOIN by a foreign key is not supported: a row of customers that no row of orders names has no key in the result',
    'write JOIN, or LEFT JOIN to keep the rows of orders that meet none',
  ],
  [
    `${KEY}-- key customers: customer_id\nCREATE TABLE named AS SELECT o.order_id FROM orders o JOIN customers c ON ‸c.name = o.customer_id`,
    'ON does not compare the key of customers, which is customer_id: a row of orders could meet several rows',
    'compare c.customer_id with columns of orders; or name customers first, if its rows have the key of orders',
  ],
  [
    `‸-- key orders: order_id\nCREATE STREAM named AS SELECT o.order_id, c.name ${FROM}`,
    'only CREATE TABLE reads the keys of its inputs: a stream is joined with a table by the key of the table',
    'remove the line, or write CREATE TABLE to join two tables',
  ],
];

test.each(MISTAKES)('a mistake in a join by a foreign key is reported: %s', async (marked, problem, hint) => {
  const found: unknown = await planOf(marked.replace('‸', '')).catch((error: unknown) => error);
  if (!(found instanceof SqlMistake)) throw new Error(`no mistake in ${marked}`);
  expect(found.message.split('\n')[0]).toContain(problem);
  expect(found.offset).toBe(marked.indexOf('‸'));
  expect(found.hint).toBe(hint);
});

test('ON compares a foreign key only where the left input has another key', async () => {
  expect((await planOf(`${KEY}${NAMED}`)).join.foreign?.id).toMatchObject([{ column: { name: 'order_id' } }]);
  const both = '-- key orders: order_id, line\n-- key customers: customer_id\n';
  const lines = `CREATE TABLE named AS SELECT o.order_id, o.line, c.name ${FROM}`;
  expect((await planOf(`${both}${lines}`)).join.foreign?.id).toHaveLength(2);
  const byKey =
    'CREATE TABLE named AS SELECT c.customer_id, o.sales FROM orders o JOIN customers c USING (customer_id)';
  expect((await planOf(`-- key orders: customer_id\n${byKey}`)).join.foreign).toBeUndefined();
  expect((await planOf(byKey)).join.foreign).toBeUndefined();
});

/** Written out: it is stored in databases, so that another one stops a join that has nothing wrong. */
test('the shape of a join by a foreign key is the same for ever, and another one with another key', async () => {
  const shape = joinShape(await planOf(`${KEY}${NAMED}`));
  expect(shape).toBe(
    'join 1 of orders with 88163bc5061c by 26381645fc12: o.order_id text, o.sales numeric; customers by 26381645fc12: c.name text',
  );
  expect(
    joinShape(await planOf(`-- key orders: order_id, line\n${NAMED.replace('c.name', 'o.line, c.name')}`)),
  ).not.toBe(shape);
});

test('explain says how rows and answers are re-keyed, what is kept, and what a change costs', async () => {
  const text = explain(await planOf(`${KEY}${NAMED}`));
  for (const line of [
    '  scan orders as o, keyed by o.order_id, re-key by the foreign key o.customer_id',
    '  scan customers as c, re-key by c.customer_id',
    '  left join of each row of orders with the row that its foreign key names',
    '  re-key what is found by o.order_id, drop what is not for the row as it is by then',
    '  into table named, whose key is order_id',
    '  a change of customers that many rows name takes several transactions, of 32 MiB of answers each',
    '  a result has one writer, the owner of its row: an answer for a row that has changed, moved or gone since is dropped',
  ])
    expect(text.split('\n')).toContain(line);
  expect(text).toContain('re-keying: two internal streams and four functions beside the join');
});
