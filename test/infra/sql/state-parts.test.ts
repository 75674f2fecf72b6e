import { expect, test } from 'vitest';
import { z } from 'zod';
import { salesByRegion } from '../../../functions/tables/sales-by-region.sql.ts';
import { planFor } from '../../../infra/sql/compile.ts';
import { stateParts } from '../../../infra/sql/plan/state-parts.ts';
import { shownShape } from '../../../infra/sql/plan/state-shape.ts';

const Sale = z.object({ region: z.string(), amount: z.number(), n: z.int32(), tags: z.array(z.string()) });

const planOf = (text: string) =>
  planFor({ file: 't.sql', text: `CREATE TABLE t AS ${text}` }, Sale, { makes: 'table' });

test('what a state is made of is told clause by clause, nearly as it was written', async () => {
  const text = `SELECT upper(region) AS r, count(*) AS c, sum(DISTINCT n) FILTER (WHERE n IS NOT NULL) AS s,
      string_agg(tag, '|' ORDER BY n DESC) AS t
    FROM sales, unnest(tags) AS tag
   WHERE (n > 1 OR region IN ('east', 'it''s')) AND NOT n = -2
   GROUP BY upper(region)`;
  expect(stateParts(await planOf(text))).toEqual({
    unnest: 'tags',
    WHERE: "((n > 1) OR (region = ANY (ARRAY['east', 'it''s']))) AND (NOT (n = -2))",
    'GROUP BY': 'upper(region)',
    aggregates: "count(*), sum(DISTINCT n) FILTER (WHERE n IS NOT NULL), string_agg(tag, '|' ORDER BY n DESC)",
  });
  const latest = 'SELECT DISTINCT ON (region) region, amount FROM sales ORDER BY region, n DESC NULLS LAST';
  expect(stateParts(await planOf(latest))).toEqual({
    'DISTINCT ON': 'region',
    'the row': 'n, amount',
    'ORDER BY': 'n DESC NULLS LAST',
  });
});

test('a clause is cut after 500 characters', async () => {
  const { WHERE = '' } = stateParts(
    await planOf(`SELECT region, count(*) AS c FROM sales WHERE region <> '${'x'.repeat(9_000)}' GROUP BY region`),
  );
  expect(WHERE.length).toBeLessThanOrEqual(501);
});

const BASE = 'SELECT region, sum(amount) AS a, sum(n) AS b FROM sales GROUP BY region HAVING sum(n) > 1';
const shownOf = async (text: string): Promise<string> => shownShape(await planOf(text));

/** Written out: the text is stored in databases. */
test('what a table shows of its states has the same text for ever', async () => {
  expect(await shownOf(BASE)).toBe('11567fe35a9a');
  expect(await shownOf(BASE.toLowerCase().replace('sales', 'sales s'))).toBe(await shownOf(BASE));
});

test.each([
  ['HAVING', BASE.replace('> 1', '> 2')],
  ['HAVING of another aggregate', BASE.replace('HAVING sum(n)', 'HAVING sum(amount)')],
  ['no HAVING', BASE.replace(' HAVING sum(n) > 1', '')],
  ['an expression over an aggregate', BASE.replace('sum(amount) AS a', 'round(sum(amount)) AS a')],
  ['the name of a column', BASE.replace('AS b', 'AS c')],
  ['which aggregate a column shows', BASE.replace('sum(n) AS b', 'sum(amount) AS b')],
])('a table shows other rows of the same states when this changes: %s', async (_, text) => {
  expect(await shownOf(text)).not.toBe(await shownOf(BASE));
});

test('the module of a table says both, where the state is compared', () => {
  expect(salesByRegion.state).toMatchObject({
    parts: { 'GROUP BY': 'region, category', aggregates: 'count(*), sum(sales), avg(profit), max(sales)' },
    shown: expect.stringMatching(/^[0-9a-f]{12}$/),
  });
});
