import { test } from 'vitest';
import { checkStatement } from '../../../infra/sql/check/statement.ts';
import type { Column } from '../../../infra/sql/plan/sql-type.ts';
import { arrayOf, scalar } from '../../../infra/sql/plan/sql-type.ts';
import { expectMistake, type MarkedMistake } from './marked-mistake.ts';

const ADDRESS: Column['type'] = { kind: 'record', fields: [{ name: 'city', type: scalar('text'), nullable: true }] };
const columns: readonly Column[] = (
  [
    ['region', scalar('text')],
    ['sales', scalar('numeric')],
    ['quantity', scalar('integer')],
    ['paid', scalar('boolean')],
    ['tags', arrayOf(scalar('text'))],
    ['address', ADDRESS],
  ] as const
).map(([name, type]) => ({ name, type, nullable: true }));

/** What is wrong at the caret, and the hint if there is one. */
const MISTAKES: readonly MarkedMistake[] = [
  [
    'SELECT ‸region, count(*) FROM input',
    'column "input.region" must appear in the GROUP BY clause or be used in an aggregate function',
    'write GROUP BY … region, or an aggregate such as max(region)',
  ],
  [
    'SELECT ‸* FROM input GROUP BY sales',
    'column "input.region" must appear in the GROUP BY clause or be used in an aggregate function',
    'write GROUP BY … region, or an aggregate such as max(region)',
  ],
  [
    'SELECT i.region FROM input AS i GROUP BY region HAVING ‸sales > 1',
    'column "i.sales" must appear in the GROUP BY clause or be used in an aggregate function',
    'write GROUP BY … sales, or an aggregate such as max(sales)',
  ],
  [
    'SELECT ‸quantity FROM input GROUP BY quantity + 1',
    'column "input.quantity" must appear in the GROUP BY clause or be used in an aggregate function',
    'write GROUP BY … quantity, or an aggregate such as max(quantity)',
  ],
  [
    'SELECT count(*) FROM input GROUP BY region ORDER BY ‸sales',
    'column "input.sales" must appear in the GROUP BY clause or be used in an aggregate function',
    'write GROUP BY … sales, or an aggregate such as max(sales)',
  ],
  ['SELECT region FROM input WHERE ‸count(*) > 1', 'aggregate functions are not allowed in WHERE', 'use HAVING'],
  ['SELECT count(*) FROM input GROUP BY ‸sum(sales)', 'aggregate functions are not allowed in GROUP BY'],
  ['SELECT ‸count(*) FROM input GROUP BY 1', 'aggregate functions are not allowed in GROUP BY'],
  ['SELECT sum(‸count(*)) AS n FROM input', 'aggregate function calls cannot be nested'],
  ['SELECT array_agg(region ORDER BY ‸count(*)) AS n FROM input', 'aggregate function calls cannot be nested'],
  ['SELECT count(*) FILTER (WHERE ‸max(sales) > 1) FROM input', 'aggregate functions are not allowed in FILTER'],
  [
    'SELECT count(*) FROM input, unnest(‸array_agg(sales)) AS u',
    'aggregate functions are not allowed in functions in FROM',
  ],
  ['SELECT count(*) FROM input LIMIT ‸count(*)', 'aggregate functions are not allowed in LIMIT'],
  ['SELECT count(*) FROM input GROUP BY ‸2', 'GROUP BY position 2 is not in select list'],
  ['SELECT region FROM input GROUP BY ‸-1', 'GROUP BY position -1 is not in select list'],
  ["SELECT region FROM input GROUP BY ‸'region'", 'non-integer constant in GROUP BY'],
  ['SELECT region FROM input GROUP BY region ORDER BY ‸true', 'non-integer constant in ORDER BY'],
  ['SELECT region FROM input GROUP BY region ORDER BY ‸3', 'ORDER BY position 3 is not in select list'],
  ['SELECT count(*) FROM input LIMIT ‸-1', 'LIMIT must not be negative'],
  ['SELECT count(*) FROM input ‸LIMIT quantity', 'argument of LIMIT must not contain variables'],
  ['SELECT count(*) FROM input OFFSET ‸true', 'argument of OFFSET must be type bigint, not type boolean'],
  ['SELECT 1 AS x FROM input HAVING ‸1', 'the argument of HAVING must be boolean, not integer'],
  ['SELECT count(*) FILTER (WHERE ‸quantity) FROM input', 'the argument of FILTER must be boolean, not integer'],
  ['SELECT ‸count() FROM input', 'count(*) must be used to call a parameterless aggregate function'],
  [
    'SELECT ‸sum(region) FROM input',
    'function sum(text) does not exist',
    'the supported forms are sum(integer), sum(bigint), sum(numeric), sum(double precision), sum(interval); cast the argument to match one',
  ],
  [
    'SELECT ‸bool_or(quantity) FROM input',
    'function bool_or(integer) does not exist',
    'the supported forms are bool_or(boolean); cast the argument to match one',
  ],
  [
    "SELECT string_agg(DISTINCT region, ',' ORDER BY ‸sales) AS t FROM input",
    'in an aggregate with DISTINCT, ORDER BY expressions must appear in argument list',
  ],
  [
    'SELECT ‸abs(DISTINCT quantity) AS t FROM input GROUP BY 1',
    'abs is not an aggregate: it takes no *, DISTINCT, FILTER and ORDER BY',
  ],
  ['SELECT ‸sum(sales) OVER () AS n FROM input GROUP BY 1', 'sum(…) OVER: window functions are not supported yet'],
  [
    'SELECT region FROM input GROUP BY ‸ROLLUP (region)',
    'GROUPING SETS, ROLLUP, CUBE and GROUP BY () are not supported',
    'list the columns to group by',
  ],
  [
    'SELECT count(*) FROM input GROUP BY ‸address',
    'GROUP BY of an object is not supported: objects cannot be compared',
    'use its fields, such as (address).city',
  ],
  [
    'SELECT ‸max(address) FROM input',
    'max(record) is not supported',
    'use a field of the object, such as (address).city, or to_jsonb',
  ],
  [
    'SELECT ‸count(DISTINCT address) FROM input',
    'count with DISTINCT or ORDER BY of objects is not supported: objects cannot be compared',
    'use a field of the object, such as (address).city, or to_jsonb',
  ],
  [
    'SELECT ‸array_agg(tags) FROM input',
    'array_agg(text[]) is not supported',
    'arrays of arrays are not supported: use string_agg(x::text, …)',
  ],
  [
    'SELECT topk(sales, ‸quantity) FROM input',
    'the second argument of topk must be a number from 1 to 1000',
    'write topk(x, 10)',
  ],
  [
    'SELECT topk(sales, ‸1001) FROM input',
    'the second argument of topk must be a number from 1 to 1000',
    'write topk(x, 10)',
  ],
  [
    'SELECT ‸latest_by_offset(region) FROM input',
    'the aggregate latest_by_offset is not supported',
    'use latest(x, time of the row)',
  ],
  ['SELECT ‸collect_set(region) FROM input', 'the aggregate collect_set is not supported', 'use array_agg(DISTINCT x)'],
  [
    'SELECT ‸mode() WITHIN GROUP (ORDER BY region) AS m FROM input',
    'the aggregate mode is not supported',
    'docs/sql.md lists the aggregates',
  ],
  [
    'CREATE STREAM ‸counts AS SELECT count(*) FROM input',
    'CREATE STREAM is not supported with GROUP BY, aggregates and DISTINCT ON: they make the rows of a table',
    'write CREATE TABLE <name> AS SELECT …',
  ],
];

test.each(MISTAKES.map((mistake) => ({ mistake })))('$mistake.0', async ({ mistake }) => {
  await expectMistake(mistake, 'q', (text) => checkStatement({ file: 'q', text }, { columns, ofFiles: true }));
});
