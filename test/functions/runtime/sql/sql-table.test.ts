import { expect, test } from 'vitest';
import { z } from 'zod';
import { keptBy } from '../../../../functions/runtime/sql/sql-table.ts';
import { sameText } from '../../../../functions/runtime/sql/text/text.ts';
import { fold, readEvents } from '../../../../functions/table-state/fold.ts';
import { planFor } from '../../../../infra/sql/compile.ts';
import { groupedStatementOf } from '../../../../infra/sql/emit/statement-of.ts';
import { staysWhole } from '../../../../infra/sql/plan/stays-whole.ts';
import { logOf } from '../../../contracts/slices.ts';

const Sale = z.object({ city: z.string(), sales: z.number(), pieces: z.int32() });

const planOf = (select: string, having = '') =>
  planFor({ file: 't.sql', text: `CREATE TABLE t AS SELECT city, ${select} FROM s GROUP BY city ${having}` }, Sale, {
    makes: 'table',
  });

/** Folds events of one city, and counts how often its row is made. */
async function folded(select: string, values: readonly unknown[]) {
  const plan = await planOf(select);
  const statement = groupedStatementOf(plan);
  let made = 0;
  const kept = keptBy({
    ...statement,
    write: (...args) => {
      made += 1;
      statement.write(...args);
    },
    shape: '',
    isGrowing: false,
    staysWhole: staysWhole(plan),
    keyColumns: [[sameText, sameText]],
  });
  const events = logOf(values.map((sales) => ({ data: { city: 'Reims', sales, pieces: 1 } })));
  const { given } = readEvents(kept, events, undefined);
  const { after, rejections } = fold(kept, given, new Map());
  const row = [...after.values()][0]?.row ?? 'null';
  return { made, row: JSON.parse(row) as unknown, rejected: rejections.map(({ message }) => message) };
}

test('the row of a group is made a few times for a thousand events, where no event can make one that fails', async () => {
  const values = Array.from({ length: 1_000 }, (_, i) => i / 4);
  const { made, row } = await folded('count(*) AS n, round(avg(sales), 1) AS mean', values);
  expect(row).toEqual({ city: 'Reims', n: 1_000, mean: 124.9 });
  expect(made).toBeLessThan(20);
});

test('an event that makes a row which fails is rejected, though the row could be made again after the next one', async () => {
  const { row, rejected } = await folded('1 / (sum(sales) - 3) AS part', [1, 2, 4, 3]);
  expect(rejected).toEqual([expect.stringContaining('division by zero')]);
  expect(row).toEqual({ city: 'Reims', part: 0.2 });
});

test('among plain numbers, one that makes a sum which JSON has no number for is rejected', async () => {
  const { row, rejected } = await folded('sum(sales) AS sales, min(sales) AS least', [1, 2, 'NaN', 3, '-Infinity', 4]);
  expect(rejected).toEqual([expect.stringContaining('NaN has no JSON'), expect.stringContaining('-Infinity has no')]);
  expect(row).toEqual({ city: 'Reims', sales: 10, least: 1 });
});

test('among plain numbers, one that makes the row too large is rejected', async () => {
  const plan = await planOf('sum(sales) AS sales');
  const kept = keptBy({
    ...groupedStatementOf(plan),
    shape: '',
    isGrowing: false,
    staysWhole: staysWhole(plan),
    keyColumns: [[sameText, sameText]],
  });
  const events = logOf(
    ['1', '2', '1e131071', '4'].map((sales) => ({ data: {}, json: `{"city":"Reims","sales":${sales},"pieces":1}` })),
  );
  const { after, rejections } = fold(kept, readEvents(kept, events, undefined).given, new Map());
  expect(rejections.map(({ reason }) => reason)).toEqual(['too-large']);
  expect([...after.values()][0]?.row).toBe('{"city":"Reims","sales":7}');
});

test.each([
  ['count(*) AS n, sum(sales) AS s, avg(pieces) AS a, max(sales) AS m', '', true],
  ['round(avg(sales), 2) AS a', "HAVING count(*) > 1 AND city <> 'Reims'", true],
  ['CASE WHEN count(*) > 1 THEN coalesce(sum(sales), 0) END AS s', '', true],
  ['sum(sales) / count(*) AS a', '', false],
  ['count(*) AS n', 'HAVING 1 / count(*) > 0', false],
  ['stddev(sales) AS s', '', false],
  ['sum(sales::double precision) AS s', '', false],
  ['max(city) AS c', '', false],
  ['count(DISTINCT sales) AS n', '', false],
  ['string_agg(city, sales::text) AS c', '', false],
])('rows of SELECT %s %s can be made whatever follows: %s', async (select, having, whole) => {
  expect(staysWhole(await planOf(select, having))).toBe(whole);
});
