import { test } from 'vitest';
import { z } from 'zod';
import { planFor } from '../../../infra/sql/compile.ts';
import { expectMistake, type MarkedMistake } from './marked-mistake.ts';

const Sale = z.object({
  region: z.string(),
  day: z.iso.date().nullable(),
  tags: z.array(z.string()),
  payload: z.json(),
  address: z.object({ city: z.string() }),
  amount: z.number(),
});

/** A statement with ‸ at the mistake, the problem, and the hint. The file is per-region.sql. */
const MISTAKES: readonly MarkedMistake[] = [
  [
    'CREATE TABLE ‸per_regions AS SELECT region, count(*) FROM sales GROUP BY region',
    'CREATE TABLE names "per_regions", but the file is per-region.sql',
    'write CREATE TABLE per_region, or rename the file',
  ],
  [
    '‸CREATE STREAM per_region AS SELECT region FROM sales',
    'a file in functions/tables creates a table',
    'write CREATE TABLE per_region AS SELECT …; SQL that makes events of events stands in functions/transforms',
  ],
  [
    '‸SELECT region, count(*) FROM sales GROUP BY region',
    'a file in functions/tables creates a table',
    'write CREATE TABLE per_region AS SELECT …; SQL that makes events of events stands in functions/transforms',
  ],
  [
    'CREATE TABLE ‸per_region AS SELECT region, amount FROM sales',
    'the table has no key: its rows would be events',
    'write GROUP BY, or SELECT DISTINCT ON (key) … ORDER BY key, time DESC for the latest row of each key',
  ],
  [
    'CREATE TABLE ‸per_region AS SELECT sum(amount) FROM sales',
    'the table has no key: without GROUP BY it is one row, which every shard would have to write',
    'group by columns that the key of the stream gives, and add the rows up when you read them',
  ],
  [
    'CREATE TABLE per_region AS SELECT region, count(*) FROM sales GROUP BY region, ‸day',
    'the SELECT list lacks this part of the key, so the rows of the table could not be told apart',
    'add it to the SELECT list',
  ],
  [
    'CREATE TABLE per_region AS SELECT region || day::text AS both, count(*) FROM sales GROUP BY ‸region, day',
    'the SELECT list lacks this part of the key, so the rows of the table could not be told apart',
    'add it to the SELECT list',
  ],
  [
    'CREATE TABLE per_region AS SELECT DISTINCT ON (‸day) region, amount FROM sales ORDER BY day, time DESC',
    'the SELECT list lacks this part of the key, so the rows of the table could not be told apart',
    'add it to the SELECT list',
  ],
  [
    'CREATE TABLE per_region AS SELECT tags, count(*) FROM sales GROUP BY ‸tags',
    'a value of type text[] cannot be the key of a table',
    'use texts, numbers, times or booleans: cast it, as in (…)::text',
  ],
  [
    'CREATE TABLE per_region AS SELECT payload, count(*) FROM sales GROUP BY ‸payload',
    'a value of type jsonb cannot be the key of a table',
    'use texts, numbers, times or booleans: cast it, as in (…)::text',
  ],
  [
    'CREATE TABLE per_region AS SELECT region, array_agg(amount ORDER BY amount) AS a FROM sales GROUP BY 1 ‸ORDER BY 2',
    'ORDER BY is not supported in a table: its rows have no order',
    'sort when you read it: SELECT … FROM <table> ORDER BY …',
  ],
  ...['LIMIT 3', 'OFFSET 3', 'FETCH FIRST 3 ROWS ONLY'].map(
    (clause) =>
      [
        `CREATE TABLE per_region AS SELECT region, count(*) FROM sales GROUP BY region ‸${clause}`,
        'LIMIT and OFFSET are not supported in a table: each event could change which rows they leave',
        'limit when you read it, as in SELECT … FROM <table> ORDER BY … LIMIT 10, or keep the greatest values with topk(x, 10)',
      ] as const,
  ),
  [
    'CREATE TABLE per_region AS SELECT ‸DISTINCT region FROM sales',
    'SELECT DISTINCT makes no table',
    'write GROUP BY with the same columns, or SELECT DISTINCT ON (key) … ORDER BY key, time DESC',
  ],
  [
    'CREATE TABLE per_region AS SELECT ‸DISTINCT ON (region) region, amount FROM sales ORDER BY region',
    'DISTINCT ON keeps the first row of each key, and nothing says which row is first',
    'write ORDER BY with the key and then the order, as in ORDER BY sensor_id, time DESC for the latest row',
  ],
  [
    'CREATE TABLE per_region AS SELECT ‸DISTINCT ON (region) region, amount FROM sales',
    'DISTINCT ON keeps the first row of each key, and nothing says which row is first',
    'write ORDER BY with the key and then the order, as in ORDER BY sensor_id, time DESC for the latest row',
  ],
  [
    'CREATE TABLE per_region AS /* distinct regions */ SELECT ‸DISTINCT ON (region) region, amount FROM sales',
    'DISTINCT ON keeps the first row of each key, and nothing says which row is first',
    'write ORDER BY with the key and then the order, as in ORDER BY sensor_id, time DESC for the latest row',
  ],
  [
    'CREATE TABLE per_region AS SELECT DISTINCT ON (region) region, amount FROM sales ORDER BY ‸time DESC',
    'SELECT DISTINCT ON expressions must match initial ORDER BY expressions',
    'begin ORDER BY with the expressions of DISTINCT ON',
  ],
  [
    'CREATE TABLE per_region AS SELECT ‸DISTINCT ON (region) region FROM sales GROUP BY region ORDER BY region, time',
    'DISTINCT ON is not supported with GROUP BY and HAVING',
    'write GROUP BY, with latest(x, time) for the value of the latest row',
  ],
  [
    'CREATE TABLE per_region AS SELECT DISTINCT ON (region) region, ‸count(*) FROM sales ORDER BY region, time',
    'aggregates are not supported with DISTINCT ON, which keeps one row of each key',
    'write GROUP BY, with latest(x, time) for the value of the latest row',
  ],
  [
    'CREATE TABLE per_region AS SELECT DISTINCT ON (address) ‸address, amount FROM sales ORDER BY address, time',
    'DISTINCT ON of an object is not supported: objects cannot be compared',
    'use its fields, such as (address).city',
  ],
  [
    'CREATE TABLE per_region AS SELECT DISTINCT ON (‸3) region, amount FROM sales ORDER BY region, time',
    'DISTINCT ON position 3 is not in select list',
  ],
  [
    'CREATE TABLE per_region AS SELECT region, count(*) FROM sales GROUP BY region ‸PARTITION BY region',
    'PARTITION BY is not supported with GROUP BY, aggregates and DISTINCT ON: they make the rows of a table',
    'leave it out: a row has the key that GROUP BY or DISTINCT ON gives it',
  ],
  [
    'CREATE TABLE per_region AS SELECT region /* partition by */ FROM sales GROUP BY region ‸PARTITION BY region',
    'PARTITION BY is not supported with GROUP BY, aggregates and DISTINCT ON: they make the rows of a table',
    'leave it out: a row has the key that GROUP BY or DISTINCT ON gives it',
  ],
  [
    'CREATE TABLE per_region AS SELECT region, sum(amount) FROM sales GROUP BY region HAVING ‸amount > 1',
    'column "sales.amount" must appear in the GROUP BY clause or be used in an aggregate function',
    'write GROUP BY … amount, or an aggregate such as max(amount)',
  ],
  [
    'CREATE TABLE per_region ‸(region, n) AS SELECT region, count(*) FROM sales GROUP BY region',
    'CREATE TABLE takes no list of columns',
    'SELECT names the columns, and GROUP BY or DISTINCT ON the key: write CREATE TABLE <name> AS SELECT …',
  ],
  [
    'CREATE TABLE per_region ‸WITH (PARTITIONS = 2) AS SELECT region, count(*) FROM sales GROUP BY region',
    'CREATE TABLE … WITH (…) is not supported',
    'the key of a table is that of GROUP BY or DISTINCT ON; indexes stand in the pipeline',
  ],
  ['CREATE TABLE ‸AS SELECT 1', 'expected a name after CREATE TABLE', 'write CREATE TABLE <name> AS SELECT …'],
  [
    'CREATE TABLE per_region ‸SELECT region FROM sales',
    'expected AS after CREATE TABLE per_region',
    'write CREATE TABLE <name> AS SELECT …',
  ],
];

test.each(MISTAKES.map((mistake) => ({ mistake })))('$mistake.0', async ({ mistake }) => {
  const file = 'functions/tables/per-region.sql';
  await expectMistake(mistake, file, (text) => planFor({ file, text }, Sale, { makes: 'table' }));
});
