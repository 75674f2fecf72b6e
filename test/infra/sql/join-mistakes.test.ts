import { expect, test } from 'vitest';
import { checkStatement } from '../../../infra/sql/check/statement.ts';
import type { Column } from '../../../infra/sql/plan/sql-type.ts';
import { arrayOf, scalar } from '../../../infra/sql/plan/sql-type.ts';
import { SqlMistake } from '../../../infra/sql/syntax/source-position.ts';

const columnsOf = (types: Readonly<Record<string, Column['type']>>): readonly Column[] =>
  Object.entries(types).map(([name, type]) => ({ name, type, nullable: false }));

const inputs = new Map([
  [
    'orders',
    columnsOf({
      order_id: scalar('integer'),
      customer_id: scalar('text'),
      sales: scalar('numeric'),
      tags: arrayOf(scalar('text')),
      payload: scalar('jsonb'),
    }),
  ],
  ['customers', columnsOf({ customer_id: scalar('text'), segment: scalar('text'), payload: scalar('jsonb') })],
]);

const O = 'FROM orders o JOIN customers c ON c.customer_id = o.customer_id';

/** What is wrong at the caret, and the hint if there is one. */
const MISTAKES: readonly (readonly [marked: string, problem: string, hint?: string])[] = [
  [`SELECT ‸customer_id ${O}`, 'column "customer_id" is ambiguous', 'write o.customer_id or c.customer_id'],
  [`SELECT o.order_id, ‸c.segmnt ${O}`, 'there is no column "c.segmnt"', 'did you mean "segment"?'],
  [`SELECT ‸customers.segment ${O}`, 'there is no "customers" in FROM', 'the known names are o, c, event'],
  [`SELECT ‸* ${O}`, 'two columns are named "customer_id"', 'rename one of them with AS'],
  [
    'SELECT 1 AS x FROM orders JOIN ‸custmers USING (customer_id)',
    'there is no input "custmers"',
    'did you mean "customers"?',
  ],
  [
    'SELECT 1 AS x FROM orders JOIN ‸people USING (customer_id)',
    'there is no input "people"',
    'the inputs are orders, customers',
  ],
  [
    'SELECT 1 AS x FROM orders JOIN ‸orders USING (customer_id)',
    'table name "orders" specified more than once',
    'give one of them an alias, as in orders AS other',
  ],
  [
    'SELECT 1 AS x FROM ‸orders JOIN customers USING (segment)',
    'column "segment" specified in USING clause does not exist in left table',
    'it has order_id, customer_id, sales, tags, payload',
  ],
  [
    'SELECT 1 AS x FROM orders o JOIN customers c ON ‸o.customer_id < c.customer_id',
    'ON compares no column of one input with a column of the other for equality',
    'a join finds rows by a key: write ON with an equality, and other conditions after AND or in WHERE',
  ],
  [
    "SELECT 1 AS x FROM orders o JOIN customers c ON ‸o.customer_id = 'c1'",
    'ON compares no column of one input with a column of the other for equality',
    'a join finds rows by a key: write ON with an equality, and other conditions after AND or in WHERE',
  ],
  [
    'SELECT 1 AS x FROM orders o LEFT JOIN customers c ON c.customer_id = o.customer_id AND ‸o.sales > 1',
    'ON of a LEFT JOIN takes equalities between the inputs, and no other condition',
    'filter an input in a step before the join, or the result in WHERE',
  ],
  [
    'SELECT 1 AS x FROM orders o JOIN customers c ON c.customer_id ‸= o.order_id',
    'operator does not exist: text = integer',
    'Postgres does not convert text implicitly: cast one side, such as total::numeric',
  ],
  [
    'SELECT 1 AS x FROM orders o JOIN customers c ON ‸c.customer_id',
    'the argument of JOIN/ON must be boolean, not text',
  ],
  [
    'SELECT 1 AS x FROM orders o JOIN customers c ON ‸o.payload = c.payload',
    'a join by a value of type jsonb is not supported',
    'join by texts, numbers, times or booleans',
  ],
  [
    'SELECT 1 AS x FROM orders o NATURAL JOIN ‸customers c',
    'NATURAL JOIN is not supported',
    'write JOIN … ON with the columns that must be equal',
  ],
  [
    'SELECT 1 AS x FROM orders, ‸customers',
    'FROM takes one stream, a join of two, and lists to unnest',
    'to join two inputs, write FROM orders JOIN customers ON customers.id = orders.customer_id',
  ],
  [
    `SELECT 1 AS x ${O} JOIN ‸orders p ON p.order_id = o.order_id`,
    'a statement joins two inputs, not more',
    'join the result with the next input in another step',
  ],
  [
    'SELECT 1 AS x FROM ‸orders o LEFT JOIN unnest(o.tags) AS t ON true',
    'a list cannot be joined with a condition',
    'to unnest a list, write FROM orders, unnest(items) AS item',
  ],
  [
    'SELECT 1 AS x FROM orders AS o JOIN ‸customers AS event ON event.customer_id = o.customer_id',
    'an input of a join cannot be called "event", which means the attributes of an event',
    'give it an alias, as in customers AS e',
  ],
  [
    'SELECT 1 AS x FROM (orders o JOIN ‸customers c USING (customer_id)) AS j',
    'a name for the whole join is not supported',
  ],
  [
    'SELECT 1 AS x FROM orders o JOIN customers c WITHIN 1 ‸ON c.customer_id = o.customer_id',
    'there is no unit ON',
    'the units are MILLISECONDS, SECONDS, MINUTES, HOURS and DAYS',
  ],
  [
    'SELECT 1 AS x FROM orders o JOIN customers c WITHIN (1 HOUR‸) ON c.customer_id = o.customer_id',
    'expected ,',
    'write JOIN payments p WITHIN 1 HOUR ON …, or WITHIN (1 HOUR, 2 HOURS) for times before and after',
  ],
  [
    'SELECT 1 AS x FROM orders o JOIN customers c WITHIN 1 HOUR GRACE ‸5 MINUTES ON c.customer_id = o.customer_id',
    'expected PERIOD',
    'write GRACE PERIOD 15 MINUTES',
  ],
  [
    'SELECT 1 AS x FROM orders o JOIN customers c ON c.customer_id = o.customer_id ‸WITHIN 1 HOUR',
    'WITHIN stands before ON',
    'write JOIN payments p WITHIN 1 HOUR ON …, or WITHIN (1 HOUR, 2 HOURS) for times before and after',
  ],
  [
    'SELECT 1 AS x FROM orders o JOIN customers c WITHIN 2 ‸WEEKS ON c.customer_id = o.customer_id',
    'there is no unit WEEKS',
    'write 7 DAYS',
  ],
  [
    'SELECT 1 AS x FROM orders o JOIN customers c WITHIN ‸9999 DAYS ON c.customer_id = o.customer_id',
    'WITHIN is longer than 3,653 days',
    'keep the rows of one side in a table, and join the stream with that',
  ],
  [
    'SELECT 1 AS x FROM orders o JOIN customers c WITHIN 1 HOUR ON c.customer_id = o.customer_id JOIN orders p ‸WITHIN 1 HOUR USING (order_id)',
    'there are two of WITHIN',
    'a statement joins two inputs: join the result with the next one in another step',
  ],
  [
    'SELECT ‸time FROM orders o JOIN customers c WITHIN 1 HOUR USING (customer_id)',
    'column "time" is ambiguous',
    'write o.time or c.time',
  ],
  [
    'SELECT ‸event.time FROM orders o JOIN customers c WITHIN 1 HOUR USING (customer_id)',
    'there is no "event" in FROM',
    'the known names are o, c',
  ],
  [
    'SELECT 1 AS x FROM orders o JOIN customers ‸AS OF o.sales ON customers.customer_id = o.customer_id',
    'AS OF takes the time of the event, and no other one',
    'write AS OF o.time; TIMESTAMP BY in a step before the join sets the time of an event',
  ],
  [
    "SELECT 1 AS x FROM orders o JOIN customers AS OF ‸'2026-01-01' ON customers.customer_id = o.customer_id",
    'AS OF takes the time of the event',
    'write JOIN customers c AS OF o.time ON …: the time of the event',
  ],
  [
    'SELECT 1 AS x FROM orders o RIGHT JOIN ‸customers c AS OF o.time USING (customer_id)',
    'RIGHT JOIN of a stream with a table is not supported: a row of the table that meets no event would never be complete',
    'name the stream first, and write JOIN or LEFT JOIN with the table; to join two streams, write WITHIN 1 HOUR before ON',
  ],
  [
    'SELECT 1 AS x FROM orders o JOIN customers c AS OF o.time ‸WITHIN 1 HOUR USING (customer_id)',
    'WITHIN and AS OF exclude each other',
    'a statement joins two inputs: join the result with the next one in another step',
  ],
  [
    'SELECT 1 AS x FROM orders o RIGHT JOIN ‸customers c USING (customer_id)',
    'RIGHT JOIN of a stream with a table is not supported: a row of the table that meets no event would never be complete',
    'name the stream first, and write JOIN or LEFT JOIN with the table; to join two streams, write WITHIN 1 HOUR before ON',
  ],
];

const cases = MISTAKES.map(([marked, problem, hint]) => ({ marked, problem, hint }));

test.each(cases)(
  'a mistake in a join is reported with its position and a hint: $marked',
  async ({ marked, problem, hint }) => {
    const found = await mistakeIn(marked, false);
    expect(found?.message.split('\n')[0]).toContain(problem);
    expect(found?.offset).toBe(marked.indexOf('‸'));
    expect(found?.hint).toBe(hint);
  },
);

const ADD_THE_KEY =
  'add it to the SELECT list (ON of two tables compares columns, and no expressions); or say in a line -- key <input>: <column> what its rows are keyed by, if ON compares a foreign key';

const TABLE_MISTAKES: readonly (readonly [marked: string, problem: string, hint?: string])[] = [
  [
    'SELECT c.segment FROM orders o JOIN customers c ON ‸o.customer_id = c.customer_id',
    'the SELECT list lacks this part of the key, so the rows of the table could not be told apart',
    ADD_THE_KEY,
  ],
  [
    'SELECT c.customer_id FROM orders o LEFT JOIN customers c ON ‸o.customer_id = c.customer_id',
    'the SELECT list lacks this part of the key, so the rows of the table could not be told apart',
    ADD_THE_KEY,
  ],
  [
    'SELECT o.customer_id FROM orders o FULL JOIN customers c ON ‸o.customer_id = c.customer_id',
    'the SELECT list lacks this part of the key, so the rows of the table could not be told apart',
    'select coalesce(…) of the columns that ON compares',
  ],
  [
    'SELECT c.customer_id, ‸event.time FROM orders o JOIN customers c ON o.customer_id = c.customer_id',
    'there is no "event" in FROM',
    'the known names are o, c',
  ],
  [
    'SELECT c.customer_id, t FROM orders o JOIN customers c ON o.customer_id = c.customer_id, unnest(‸o.tags) AS t',
    'a list cannot be unnested in a join of two tables: a key would have several rows',
    'unnest it in a step before or after the join',
  ],
  [
    'SELECT c.customer_id FROM orders o JOIN customers c ‸WITHIN 1 HOUR ON o.customer_id = c.customer_id',
    'WITHIN joins two streams, and CREATE TABLE joins two tables, whose rows have no time',
    'leave WITHIN out, or write CREATE STREAM to join events',
  ],
  [
    'SELECT c.customer_id FROM orders o JOIN customers c ON o.customer_id = c.customer_id ‸PARTITION BY c.segment',
    'PARTITION BY is not supported in a join of two tables, which makes the rows of a table',
    'leave it out: a row has the key that ON gives it',
  ],
];
const ofTables = TABLE_MISTAKES.map(([marked, problem, hint]) => ({ marked, problem, hint }));

test.each(ofTables)('a mistake in a join of two tables is reported: $marked', async ({ marked, problem, hint }) => {
  const text = `CREATE TABLE q AS ${marked}`;
  const found = await mistakeIn(text, false);
  expect(found?.message.split('\n')[0]).toContain(problem);
  expect(found?.offset).toBe(text.indexOf('‸'));
  expect(found?.hint).toBe(hint);
});

test('over files, RIGHT and FULL JOIN are possible, and USING in a FULL JOIN is refused', async () => {
  const from = 'FROM orders o RIGHT JOIN customers c ON c.customer_id = o.customer_id';
  expect(await mistakeIn(`SELECT c.segment ${from}`, true)).toBeUndefined();
  expect(await mistakeIn(`SELECT c.segment ${from.replace('RIGHT', 'FULL')}`, true)).toBeUndefined();
  expect(
    (await mistakeIn('SELECT 1 AS x FROM orders o FULL JOIN customers c USING (customer_id)', true))?.message,
  ).toContain('USING in a FULL JOIN is not supported: the column could be of either side');
  expect(
    (await mistakeIn('SELECT 1 AS x FROM orders o JOIN customers c ON sum(o.sales) = 1', true))?.message,
  ).toContain('aggregate functions are not allowed in JOIN conditions');
});

test('the right side of a LEFT JOIN may be null, also where its schema says that it never is; the left side keeps its type', async () => {
  const text = 'SELECT o.order_id, c.segment FROM orders o LEFT JOIN customers c USING (customer_id)';
  const plan = await checkStatement({ file: 'q.sql', text }, { columns: [], inputs });
  expect(plan.outputs.map(({ name, expression }) => [name, expression.nullable])).toEqual([
    ['order_id', false],
    ['segment', true],
  ]);
  const where = await checkStatement({ file: 'q.sql', text: `${text} WHERE c.segment > 'a'` }, { columns: [], inputs });
  expect(where.outputs.map(({ expression }) => expression.nullable)).toEqual([false, false]);
});

test('AS OF keeps its versions for 7 days unless RETENTION says otherwise, and may stand before the alias', async () => {
  const asOfIn = async (clause: string) => {
    const text = `SELECT o.order_id, c.segment FROM orders o LEFT JOIN customers ${clause} ON c.customer_id = o.customer_id`;
    return (await checkStatement({ file: 'q.sql', text }, { columns: [], inputs })).join?.asOf;
  };
  expect(await asOfIn('c AS OF o.time')).toEqual({ retention: 7 * 86_400_000 });
  expect(await asOfIn('AS OF event.time RETENTION 30 DAYS AS c')).toEqual({ retention: 30 * 86_400_000 });
  expect(await asOfIn('AS c')).toBeUndefined();
});

test('two streams are joined WITHIN a time: both sides have their times, and those of the side that may be missing may be null', async () => {
  const text =
    'SELECT o.order_id, o.time AS ordered, c.time AS paid, c.key, extract(epoch FROM c.time - o.time) AS took FROM orders o LEFT JOIN customers c WITHIN (1 HOUR, 2 DAYS) GRACE PERIOD 10 MINUTES ON c.key = o.customer_id';
  const { join, outputs } = await checkStatement({ file: 'q.sql', text }, { columns: [], inputs });
  expect(join?.within).toEqual({ before: 3_600_000, after: 2 * 86_400_000, grace: 600_000 });
  expect(outputs.map(({ name, expression }) => [name, expression.nullable])).toEqual([
    ['order_id', false],
    ['ordered', false],
    ['paid', true],
    ['key', true],
    ['took', true],
  ]);
  const full = text.replace('LEFT', 'FULL').replace('(1 HOUR, 2 DAYS) GRACE PERIOD 10 MINUTES', '30 SECONDS');
  const plan = await checkStatement({ file: 'q.sql', text: full }, { columns: [], inputs });
  expect(plan.join).toMatchObject({ kind: 'full', within: { before: 30_000, after: 30_000, grace: 86_400_000 } });
  expect(plan.outputs[1]?.expression.nullable).toBe(true);
});

test('* of two streams has the columns of their data, and not the attributes of their events', async () => {
  const text = 'SELECT o.*, c.segment FROM orders o JOIN customers c WITHIN 1 HOUR ON c.customer_id = o.customer_id';
  const { outputs } = await checkStatement({ file: 'q.sql', text }, { columns: [], inputs });
  expect(outputs.map(({ name }) => name)).toEqual(['order_id', 'customer_id', 'sales', 'tags', 'payload', 'segment']);
});

test('over files, WITHIN compares the columns "time", and says so where there is none', async () => {
  const found = await mistakeIn(
    'SELECT 1 AS x FROM ‸orders o JOIN customers c WITHIN 1 HOUR USING (customer_id)',
    true,
  );
  expect(found?.message).toContain('a line of "o" has no time, and WITHIN and AS OF compare times');
  expect(found?.offset).toBe('SELECT 1 AS x FROM '.length);
});

async function mistakeIn(marked: string, ofFiles: boolean): Promise<SqlMistake | undefined> {
  const source = { file: 'q.sql', text: marked.replace('‸', '') };
  try {
    const makes = source.text.startsWith('CREATE TABLE') ? 'table' : 'stream';
    await checkStatement(source, { columns: [], inputs, ofFiles, makes });
    return undefined;
  } catch (error) {
    if (error instanceof SqlMistake) return error;
    throw error;
  }
}

test('as in Postgres, * begins with the columns of USING in its order, and o.* has all columns in their own', async () => {
  const outputsOf = async (columns: string) => {
    const text = `SELECT ${columns} FROM orders o JOIN people p USING (b, a)`;
    const own = (names: readonly string[]) =>
      columnsOf(Object.fromEntries(names.map((name) => [name, scalar('text')])));
    const tables = new Map([
      ['orders', own(['x', 'a', 'b'])],
      ['people', own(['a', 'y', 'b'])],
    ]);
    const plan = await checkStatement({ file: 'q.sql', text }, { columns: [], inputs: tables });
    return plan.outputs.map(({ name }) => name);
  };
  expect(await outputsOf('*')).toEqual(['b', 'a', 'x', 'y']);
  expect(await outputsOf('o.*')).toEqual(['x', 'a', 'b']);
  expect(await outputsOf('p.y, p.a AS pa, p.b AS pb')).toEqual(['y', 'pa', 'pb']);
});
