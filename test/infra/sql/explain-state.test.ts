import { expect, test } from 'vitest';
import { z } from 'zod';
import { planFor } from '../../../infra/sql/compile.ts';
import { explain } from '../../../infra/sql/explain.ts';

const Sale = z.object({ region: z.string(), day: z.iso.date(), amount: z.number(), n: z.int32() });

async function sectionsOf(text: string): Promise<Readonly<Record<string, readonly string[]>>> {
  const plan = await planFor({ file: 't.sql', text: `CREATE TABLE t AS ${text}` }, Sale, { makes: 'table' });
  const sections = explain(plan).split(/\n(?=\S)/);
  return Object.fromEntries(
    sections.map((section) => {
      const [title = '', ...lines] = section.trimEnd().split('\n');
      return [title, lines.map((line) => line.slice(2))];
    }),
  );
}

test('explain shows the key of a table, what each aggregate keeps, whether a row can be taken out, and bytes', async () => {
  const { plan, state, guarantees } = await sectionsOf(
    'SELECT region, day, sum(n) AS s, max(amount) AS most, count(DISTINCT n) AS d FROM sales GROUP BY region, day HAVING count(*) > 1',
  );
  expect(plan?.at(-1)).toBe('into table t, whose key is region, day');
  expect(state).toEqual([
    'sum(integer): bigint; rows can be subtracted',
    'max(numeric): numeric; rows cannot be subtracted: it needs a side table of values',
    'count(integer) DISTINCT: text[], all values of the group; rows cannot be subtracted: it needs a side table of values',
    'count(): bigint; rows can be subtracted',
    'about 311 bytes a row: its state 92, the row as JSON 87, its columns 46, keys and header 86',
    'about 94 bytes a row in the two indexes of the key',
    'texts, lists and JSON are counted as 16 bytes each; a row and its state have at most 128 KiB each',
    'a row that HAVING hides keeps its state',
  ]);
  expect(guarantees).toContain('each event counts once: rows, position and marks are committed together');
});

test('explain shows what DISTINCT ON keeps of a row, and by which order', async () => {
  const { plan, state } = await sectionsOf(
    'SELECT DISTINCT ON (region) region, amount FROM sales ORDER BY region, day DESC, n',
  );
  expect(plan).toContain('  keep the first row by the date at 1:90 (of day) descending, the integer at 1:100 (of n)');
  expect(plan?.some((line) => line.startsWith('sort by'))).toBe(false);
  expect(state?.[0]).toBe('the row: date, integer, numeric; cannot be subtracted');
});

test('explain says what a table with windows costs over an existing stream, and says it of no other table', async () => {
  const { cost } = await sectionsOf(
    'SELECT region, window_start, count(*) AS n FROM sales WINDOW TUMBLING (SIZE 1 HOUR) GROUP BY region',
  );
  const copy =
    /^where its events come from an existing stream, they are appended to a copy .* \$11 a month for each shard/;
  expect(cost?.at(-1)).toMatch(copy);
  const plain = await sectionsOf('SELECT region, count(*) AS n FROM sales GROUP BY region');
  expect(plain.cost?.some((line) => copy.test(line))).toBe(false);
});
