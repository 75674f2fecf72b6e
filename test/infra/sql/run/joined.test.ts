import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable, Writable } from 'node:stream';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { checkStatement } from '../../../../infra/sql/check/statement.ts';
import { scalar } from '../../../../infra/sql/plan/sql-type.ts';
import { runSqlCommand } from '../../../../infra/sql/run/command.ts';
import { joinedRows, type RunInput } from '../../../../infra/sql/run/joined.ts';

const FILES = {
  'orders.csv': 'order_id,customer_id,sales\n1,c1,10.50\n2,c2,3\n3,,7\n4,c9,1.0\n',
  'more.csv': 'order_id,customer_id,sales\n5,c1,2\n',
  'customers.ndjson':
    '{"customer_id":"c1","segment":"Consumer"}\n{"customer_id":"c2","segment":"Corporate"}\n{"customer_id":"c3","segment":"Home"}\n',
  'empty.ndjson': '',
};
let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'millrace-join-'));
  for (const [name, text] of Object.entries(FILES)) writeFileSync(join(folder, name), text);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const INPUTS = ['orders=@orders.csv', 'customers=@customers.ndjson'];

async function run(argv: readonly string[]): Promise<{ code: number; out: string; errors: string }> {
  const written: Record<'out' | 'errors', Buffer[]> = { out: [], errors: [] };
  const sink = (name: 'out' | 'errors'): Writable =>
    new Writable({
      write: (part: Buffer, _encoding, done) => {
        written[name].push(part);
        done();
      },
    });
  const args = argv.map((arg) => arg.replace('@', `${folder}/`));
  const code = await runSqlCommand(args, { stdin: Readable.from([]), stdout: sink('out'), stderr: sink('errors') });
  const text = (parts: readonly Buffer[]): string =>
    Buffer.concat(parts).toString('utf8').replaceAll(`${folder}/`, '@');
  return { code, out: text(written.out), errors: text(written.errors) };
}

test('a join of two files has the rows that meet, without losing a digit', async () => {
  const statement =
    'SELECT o.order_id, c.segment, sales FROM orders o JOIN customers c ON c.customer_id = o.customer_id';
  expect(await run([statement, ...INPUTS])).toEqual({
    code: 0,
    out: '{"order_id":1,"segment":"Consumer","sales":10.50}\n{"order_id":2,"segment":"Corporate","sales":3}\n',
    errors: '',
  });
});

test('USING has its column once, at the beginning of *, and WHERE sees the joined row', async () => {
  expect(
    (await run(['SELECT * FROM orders LEFT JOIN customers USING (customer_id) WHERE sales > 2', ...INPUTS])).out,
  ).toBe(
    '{"customer_id":"c1","order_id":1,"sales":10.50,"segment":"Consumer"}\n' +
      '{"customer_id":"c2","order_id":2,"sales":3,"segment":"Corporate"}\n' +
      '{"customer_id":null,"order_id":3,"sales":7,"segment":null}\n',
  );
});

test('a FULL JOIN has the rows of both sides that meet none, and null keys meet nothing', async () => {
  const statement = 'SELECT o.order_id, c.segment FROM orders o FULL JOIN customers c ON c.customer_id = o.customer_id';
  expect((await run([statement, ...INPUTS])).out.split('\n').slice(2, -1)).toEqual([
    '{"order_id":3,"segment":null}',
    '{"order_id":4,"segment":null}',
    '{"order_id":null,"segment":"Home"}',
  ]);
});

test('WITHIN joins the rows whose times are near enough, and an outer join has those that met none', async () => {
  writeFileSync(
    join(folder, 'o.csv'),
    'id,time\n1,2026-01-01 10:00:00+00\n2,2026-01-01 11:00:00+00\n3,2026-01-01 12:00:00+00\n',
  );
  writeFileSync(
    join(folder, 'p.csv'),
    'id,paid,time\n1,a,2026-01-01 11:00:00+00\n1,b,2026-01-01 11:00:01+00\n2,c,2026-01-01 10:59:00+00\n3,d,\n',
  );
  const inputs = ['o=@o.csv', 'p=@p.csv'];
  const from = (kind: string, within: string) =>
    `SELECT o.id, paid FROM o ${kind} JOIN p WITHIN ${within} ON p.id = o.id`;
  expect((await run([from('', '1 HOUR'), ...inputs])).out).toBe('{"id":1,"paid":"a"}\n{"id":2,"paid":"c"}\n');
  expect((await run([from('', '(0 SECONDS, 2 HOURS)'), ...inputs])).out).toBe(
    '{"id":1,"paid":"a"}\n{"id":1,"paid":"b"}\n',
  );
  expect((await run([from('FULL', '1 HOUR'), ...inputs])).out).toBe(
    '{"id":1,"paid":"a"}\n{"id":2,"paid":"c"}\n{"id":3,"paid":null}\n{"id":null,"paid":"b"}\n{"id":null,"paid":"d"}\n',
  );
  const explained = await run([from('LEFT', '(1 MINUTE, 2 HOURS)'), ...inputs, '--explain']);
  expect(explained.out).toContain(
    'left join of rows with the same key, where p is at most 1 minute before o, and at most 2 hours after it',
  );
});

test('AS OF joins a row with the latest one that is not later', async () => {
  writeFileSync(join(folder, 'o.csv'), 'id,time\n1,2026-01-01\n1,2026-01-03\n1,2025-12-31\n2,2026-01-03\n');
  writeFileSync(join(folder, 'c.csv'), 'id,city,time\n1,Bonn,2026-01-03\n1,Bern,2026-01-01\n1,Rome,2026-02-01\n');
  const statement = 'SELECT o.time, city FROM o LEFT JOIN c AS OF o.time ON c.id = o.id';
  expect((await run([statement, 'o=@o.csv', 'c=@c.csv'])).out).toBe(
    '{"time":"2026-01-01","city":"Bern"}\n{"time":"2026-01-03","city":"Bonn"}\n{"time":"2025-12-31","city":null}\n{"time":"2026-01-03","city":null}\n',
  );
});

test('groups are made of joined rows; an input may have several files', async () => {
  const statement =
    'SELECT segment, count(*), sum(sales) FROM orders JOIN customers USING (customer_id) GROUP BY segment ORDER BY segment';
  expect((await run([statement, ...INPUTS, 'orders=@more.csv'])).out).toBe(
    '{"segment":"Consumer","count":2,"sum":12.50}\n{"segment":"Corporate","count":1,"sum":3}\n',
  );
});

test('DISTINCT ON keeps the first of the joined rows of a key', async () => {
  const statement =
    'SELECT DISTINCT ON (segment) segment, order_id FROM orders JOIN customers USING (customer_id) ORDER BY segment, sales DESC';
  expect((await run([statement, ...INPUTS, 'orders=@more.csv'])).out).toBe(
    '{"segment":"Consumer","order_id":1}\n{"segment":"Corporate","order_id":2}\n',
  );
});

test('a list of the left side is unnested after the join', async () => {
  writeFileSync(join(folder, 'tagged.ndjson'), '{"id":"c1","tags":["a","b"]}\n{"id":"c3","tags":[]}\n');
  const statement =
    'SELECT t.id, tag, segment FROM tagged t JOIN customers c ON c.customer_id = t.id, unnest(t.tags) AS tag';
  expect((await run([statement, 'tagged=@tagged.ndjson', INPUTS[1] ?? ''])).out).toBe(
    '{"id":"c1","tag":"a","segment":"Consumer"}\n{"id":"c1","tag":"b","segment":"Consumer"}\n',
  );
});

test('an expression that fails on a joined row rejects the line of the left side, by its number', async () => {
  const statement = 'SELECT 10 / (order_id - 2) AS x, segment FROM orders JOIN customers USING (customer_id)';
  expect(await run([statement, ...INPUTS])).toEqual({
    code: 1,
    out: '{"x":-10.0000000000000000,"segment":"Consumer"}\n',
    errors: '@orders.csv:3: division by zero (SQLSTATE 22012), at statement:1:8\n',
  });
});

test('a named input may be read alone; what is missing or mixed is said', async () => {
  expect((await run(['SELECT count(*) FROM customers', ...INPUTS])).out).toBe('{"count":3}\n');
  expect(await run(['SELECT segment FROM orders JOIN customers USING (customer_id)', '@orders.csv'])).toMatchObject({
    code: 2,
    errors: expect.stringContaining(
      'a join reads two inputs, and this statement has one\n1 | SELECT segment FROM orders JOIN customers USING (customer_id)\n                                    ^\n  hint: name the files of both: orders=orders.csv customers=customers.csv',
    ),
  });
  expect((await run(['SELECT 1 AS x FROM orders', 'orders=@orders.csv', '@more.csv'])).errors).toContain(
    'has no name, and others have one: write <name>=',
  );
  expect((await run(['SELECT 1 AS x FROM orders', 'orders=@empty.ndjson'])).errors).toBe(
    'the input "orders" has no lines, so its columns are unknown: give them with --schema orders=file.ts#export\n',
  );
  expect((await run(['SELECT 1 AS x FROM orders', 'orders=@orders.csv', '--schema', 'order=x.ts#Y'])).errors).toBe(
    '--schema order=x.ts#Y: write <input>=file.ts#export, where the input is orders\n',
  );
});

test('--schema gives the types of a named input, and LIMIT ends the join', async () => {
  const schema = `orders=${new URL('../order-schema.ts', import.meta.url).pathname}#Order`;
  writeFileSync(join(folder, 'typed.ndjson'), '{"order_id":9007199254740993,"status":"c1","sales":1}\n'.repeat(3));
  const statement = 'SELECT order_id, segment FROM orders JOIN customers ON customer_id = status LIMIT 2';
  expect((await run([statement, 'orders=@typed.ndjson', INPUTS[1] ?? '', '--schema', schema])).out).toBe(
    '{"order_id":9007199254740993,"segment":"Consumer"}\n'.repeat(2),
  );
});

test('the rows of the right side are bounded', async () => {
  const columns = [{ name: 'id', type: scalar('integer'), nullable: false }];
  const inputs = new Map([
    ['l', columns],
    ['r', columns],
  ]);
  const source = { file: 'q.sql', text: 'SELECT l.id FROM l JOIN r USING (id)' };
  const plan = await checkStatement(source, { columns: [], inputs, ofFiles: true });
  const input: RunInput = {
    file: { name: 'r', format: 'ndjson' },
    columns: async () => undefined,
    async *parts() {
      yield { text: Buffer.from('{"id":1}\n{"id":1}\n{"id":2}\n') };
    },
    reject: async () => undefined,
  };
  const joined = async (most: number): Promise<number> => {
    if (plan.join === undefined) throw new Error('no join');
    let rows = 0;
    for await (const { text } of joinedRows(plan, plan.join, { left: [input], right: [input], most }))
      rows += text.toString('utf8').split('\n').length - 1;
    return rows;
  };
  expect(await joined(3)).toBe(5);
  await expect(joined(2)).rejects.toThrow('"r" has more than 2 rows');
});

test('sql explain of a join says how both sides are re-keyed and what that costs, and shows the code of all parts', async () => {
  const file = new URL('../../../../functions/joins/orders-with-customers.sql', import.meta.url).pathname;
  const { out, code } = await run(['explain', file]);
  expect(code).toBe(0);
  expect(out).toContain(
    'scan orders as o, re-key by the text at 7:45 (of customer_id)\n  scan customers as c, re-key by the text at 7:29 (of customer_id)\n  left join of rows with the same key\n  project order_id, status, sales, name, city, segment\n  key: what they are joined by',
  );
  expect(out).toContain('re-keying: one internal stream, and a function for each input. Each event of orders');
  expect(out).toContain('state: one row of customers for each key in Postgres');
  for (const part of ['left: {', 'right: {', 'row: {']) expect(out).toContain(part);
  const ofFiles = await run(['SELECT segment FROM orders JOIN customers USING (customer_id)', ...INPUTS, '--explain']);
  expect(ofFiles.out).toContain('the rows of customers are kept in memory');
});
