import { expect, test } from 'vitest';
import { z } from 'zod';
import { planFor } from '../../../infra/sql/compile.ts';
import { SqlMistake } from '../../../infra/sql/source-position.ts';

const Order = z.object({
  order_id: z.int(),
  status: z.string().nullable(),
  sales: z.number(),
  paid: z.boolean(),
  tags: z.array(z.string()),
  items: z.array(z.object({ sku: z.string(), qty: z.int32() })),
  address: z.object({ city: z.string() }),
  payload: z.json(),
});

const ROWS: readonly (readonly [sql: string, message: string])[] = [
  [
    'SELECT order_id, statsu FROM orders',
    `q.sql:1:18: there is no column "statsu"\n1 | SELECT order_id, statsu FROM orders\n                     ^\n  hint: did you mean "status"?`,
  ],
  [
    "SELECT 'é', order_id\nFROM orders\nWHERE sales = 'a'",
    `q.sql:3:15: invalid input syntax for type numeric: "a"\n3 | WHERE sales = 'a'\n                  ^`,
  ],
  [
    'SELECT order_id FROM orders WHERE status > 5',
    `q.sql:1:42: operator does not exist: text > integer\n1 | SELECT order_id FROM orders WHERE status > 5\n                                             ^\n  hint: Postgres does not convert text by itself: cast one side, such as total::numeric`,
  ],
  ['SELECT order_id FROM orders WHERE sales', 'q.sql:1:35: the argument of WHERE must be boolean, not numeric'],
  ['SELECT order_id FROM orders o, unnest(tags) AS order_id', 'q.sql:1:8: column "order_id" is ambiguous'],
  [
    'SELECT count(*) AS n FROM orders',
    'q.sql:1:8: count is an aggregate: aggregates and windows are not supported yet',
  ],
  ['SELECT sum(sales) OVER () AS n FROM orders', 'q.sql:1:8: sum(…) OVER: window functions are not supported yet'],
  ['SELECT order_id, now() FROM orders', 'q.sql:1:18: now() is volatile: its answer changes from call to call'],
  ['SELECT random() AS r FROM orders', 'q.sql:1:8: random() is volatile: its answer changes from call to call'],
  [
    'SELECT current_date AS d FROM orders',
    'q.sql:1:8: the current time and user are volatile: they change from call to call',
  ],
  ['SELECT 1/0 AS x FROM orders', 'q.sql:1:8: division by zero'],
  ["SELECT '2026-02-30'::date AS d FROM orders", 'q.sql:1:8: date/time field value out of range: "2026-02-30"'],
  ['SELECT lowr(status) AS s FROM orders', 'q.sql:1:8: function lowr is not supported'],
  ['SELECT lower(order_id) AS s FROM orders', 'q.sql:1:8: function lower(bigint) does not exist'],
  ['SELECT order_id + 1 FROM orders', 'q.sql:1:8: this column has no name'],
  ['SELECT order_id, sales AS order_id FROM orders', 'q.sql:1:18: two columns are named "order_id"'],
  ['SELECT address.city FROM orders', 'q.sql:1:8: there is no "address" in FROM'],
  ['SELECT (address).town FROM orders', 'q.sql:1:9: the object has no field "town"'],
  ['SELECT (payload).a FROM orders', 'q.sql:1:9: jsonb has no fields'],
  ['SELECT order_id FROM orders JOIN customers ON true', 'q.sql:1:34: joins are not supported yet'],
  ['SELECT order_id FROM orders, customers', 'q.sql:1:30: joins are not supported yet'],
  [
    'SELECT order_id FROM orders GROUP BY order_id',
    'q.sql:1:29: GROUP BY is not supported yet: aggregates and windows come later',
  ],
  ['SELECT order_id FROM orders ORDER BY 1', 'q.sql:1:29: ORDER BY is not supported: events stay in their order'],
  ['SELECT order_id FROM orders LIMIT 1', 'q.sql:1:29: LIMIT and OFFSET are not supported: a stream has no end'],
  [
    'SELECT DISTINCT order_id FROM orders',
    'q.sql:1:8: DISTINCT is not supported: a transform sees one event at a time',
  ],
  [
    'SELECT order_id FROM orders UNION SELECT 1',
    'q.sql:1:29: UNION, INTERSECT and EXCEPT are not supported: two steps may write to one stream',
  ],
  ['SELECT (SELECT 1) AS x FROM orders', 'q.sql:1:8: subqueries are not supported yet'],
  ['SELECT order_id FROM ordres', 'q.sql:1:22: FROM names "ordres", but the step reads "orders"'],
  [
    'CREATE STREAM done AS SELECT order_id FROM orders',
    'q.sql:1:15: CREATE STREAM names "done", but the step writes "completed"',
  ],
  ['CREATE TABLE x AS SELECT 1', 'q.sql:1:8: CREATE TABLE is not supported yet: tables come later'],
  ['SELECT order_id FROM orders WHERE', 'q.sql:1:34: syntax error at end of input'],
  ['SELECT order_id FROM orders; SELECT 1', 'q.sql:1:30: there is more than one statement'],
  ['DELETE FROM orders', 'q.sql:1:1: only SELECT and CREATE STREAM … AS SELECT are supported'],
  ['SELECT order_id::varchar(10) FROM orders', 'q.sql:1:18: type varchar is not supported'],
  [
    "SELECT status ~ '(?=a)' AS x FROM orders",
    'q.sql:1:8: a group that starts with (? and is not (?: is not supported in regular expressions: Postgres and JavaScript read it differently',
  ],
  ['SELECT CASE WHEN paid THEN 1 ELSE status END AS x FROM orders', 'CASE types'],
  ['SELECT order_id FROM orders PARTITION BY ordr_id', 'q.sql:1:42: there is no column "ordr_id"'],
  ['SELECT ARRAY[] AS x FROM orders', 'q.sql:1:8: cannot determine type of empty array'],
  ['SELECT time - time AS d FROM orders', 'q.sql:1:8: a column of type interval cannot be written as JSON'],
  ['', 'q.sql:1:1: there is no statement'],
];

test.each(ROWS)('refuses %s', async (text, message) => {
  const found = await planFor({ file: 'q.sql', text }, Order, { from: 'orders', to: 'completed' }).then(
    () => undefined,
    (error: unknown) => error,
  );
  expect(found).toBeInstanceOf(SqlMistake);
  expect((found as SqlMistake).message).toContain(message);
});
