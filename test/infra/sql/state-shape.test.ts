import { expect, test } from 'vitest';
import { z } from 'zod';
import { planFor } from '../../../infra/sql/compile.ts';
import { stateShape } from '../../../infra/sql/plan/state-shape.ts';

const Sale = z.object({ region: z.string(), amount: z.number(), n: z.int32(), tags: z.array(z.string()) });

async function shapeOf(text: string, schema = Sale): Promise<string> {
  return stateShape(await planFor({ file: 't.sql', text: `CREATE TABLE t AS ${text}` }, schema, { makes: 'table' }));
}

const BASE = 'SELECT region, sum(amount) AS s FROM sales WHERE n > 1 GROUP BY region';

/** Written out: the text is stored in databases, so that another one stops a table that has nothing wrong. */
test('the shape of a state is the same for ever', async () => {
  expect(await shapeOf(BASE)).toBe('sum(numeric) (a342c1ab583b)');
  expect(await shapeOf('SELECT DISTINCT ON (region) region, amount FROM sales ORDER BY region, n DESC')).toBe(
    'the first row in an order (85577db94a8d)',
  );
});

test.each([
  ['comments, blanks and capitals', 'select region, SUM(amount) as s -- adds\nFROM sales WHERE n > 1 group by 1'],
  [
    'the name of a column and the alias of the stream',
    'SELECT r.region, sum(amount) AS t FROM sales r WHERE n > 1 GROUP BY region',
  ],
  [
    'what is computed of the aggregates',
    'SELECT region, round(sum(amount)) * 2 AS s FROM sales WHERE n > 1 GROUP BY region',
  ],
  ['HAVING', `${BASE} HAVING sum(amount) > 5`],
  ['the order of the schema, and another field', BASE],
])('a state goes on when these change: %s', async (what, text) => {
  const { shape } = Sale;
  const other = z.object({ more: z.json(), n: shape.n, tags: shape.tags, amount: shape.amount, region: shape.region });
  expect(await shapeOf(text, what.includes('schema') ? (other as never) : Sale)).toBe(await shapeOf(BASE));
});

test.each([
  ['WHERE', BASE.replace('n > 1', 'n > 2')],
  ['an argument', BASE.replace('sum(amount)', 'sum(amount * 2)')],
  ['an aggregate', BASE.replace('sum(', 'max(')],
  ['one more aggregate', `${BASE} HAVING count(*) > 1`],
  ['FILTER', BASE.replace('sum(amount)', 'sum(amount) FILTER (WHERE n > 3)')],
  ['DISTINCT', BASE.replace('sum(amount)', 'sum(DISTINCT amount)')],
  ['the key', BASE.replace(/GROUP BY region/, 'GROUP BY region, n').replace('SELECT', 'SELECT n,')],
  ['a precision', BASE.replace('sum(amount)', 'sum(amount::numeric(10, 2))')],
  ['another precision', BASE.replace('sum(amount)', 'sum(amount::numeric(10, 3))')],
  ['unnest', BASE.replace('FROM sales', 'FROM sales, unnest(tags) AS tag')],
])('a state cannot go on when this changes: %s', async (_, text) => {
  expect(await shapeOf(text)).not.toBe(await shapeOf(BASE));
});

test('a precision counts', async () => {
  const of = (scale: number): Promise<string> =>
    shapeOf(BASE.replace('sum(amount)', `sum(amount::numeric(10, ${scale}))`));
  expect(await of(2)).not.toBe(await of(3));
});

test('the order of DISTINCT ON counts', async () => {
  const by = (order: string): string =>
    `SELECT DISTINCT ON (region) region, amount FROM sales ORDER BY region, ${order}`;
  const shapes = await Promise.all(
    ['n', 'n DESC', 'n DESC NULLS LAST', 'amount', 'n, amount'].map((o) => shapeOf(by(o))),
  );
  expect(new Set(shapes).size).toBe(5);
});
