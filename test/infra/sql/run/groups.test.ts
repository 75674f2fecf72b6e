import { Readable, Writable } from 'node:stream';
import { expect, test } from 'vitest';
import { loadStates, saveStates } from '../../../../functions/runtime/sql/aggregates/grouped-statement.ts';
import { checkStatement } from '../../../../infra/sql/check/statement.ts';
import { groupedStatementOf } from '../../../../infra/sql/emit/statement-of.ts';
import { scalar } from '../../../../infra/sql/plan/sql-type.ts';
import { runSqlCommand } from '../../../../infra/sql/run/command.ts';
import { startGroups } from '../../../../infra/sql/run/groups.ts';

const ORDERS = [
  '{"region":"north","sales":1.50,"quantity":2}',
  '{"region":"south","sales":2,"quantity":1}',
  '{"region":null,"sales":3.25,"quantity":5}',
  '{"region":"north","sales":4,"quantity":null}',
].join('\n');

async function run(argv: readonly string[], input = ORDERS): Promise<{ code: number; out: string; errors: string }> {
  const written: Record<'out' | 'errors', Buffer[]> = { out: [], errors: [] };
  const sink = (name: 'out' | 'errors'): Writable =>
    new Writable({
      write: (part: Buffer, _encoding, done) => {
        written[name].push(part);
        done();
      },
    });
  const stdin = Readable.from(input === '' ? [] : [Buffer.from(input)]);
  const code = await runSqlCommand(argv, { stdin, stdout: sink('out'), stderr: sink('errors') });
  const text = (parts: readonly Buffer[]): string => Buffer.concat(parts).toString('utf8');
  return { code, out: text(written.out), errors: text(written.errors) };
}

const outputs = async (statement: string, input?: string): Promise<string> => (await run([statement], input)).out;

test('groups come in the order in which they begin, and nulls are one group', async () => {
  expect(await outputs('SELECT region, count(*) FROM input GROUP BY region')).toBe(
    '{"region":"north","count":2}\n{"region":"south","count":1}\n{"region":null,"count":1}\n',
  );
});

test('CREATE TABLE shows the rows that the table would have', async () => {
  const statement = 'CREATE TABLE t AS SELECT region, sum(sales) AS s FROM input GROUP BY region HAVING sum(sales) > 3';
  expect(await outputs(statement)).toBe('{"region":"north","s":5.50}\n{"region":null,"s":3.25}\n');
  expect(await outputs('CREATE TABLE t AS SELECT count(*) FROM input')).toBe('');
  expect((await run(['CREATE TABLE t AS SELECT count(*) FROM input'])).errors).toContain('the table has no key');
});

test('DISTINCT ON keeps the first row of each key; of equal rows the last one with DESC, else the first', async () => {
  const input = ['a 2 x', 'b 1 x', 'a 1 y', 'a 2 z', 'b 1 w']
    .map((line) => line.split(' '))
    .map(([k, n, v]) => JSON.stringify({ k, n: Number(n), v }))
    .join('\n');
  const kept = (order: string): Promise<string> =>
    outputs(`SELECT DISTINCT ON (k) k, v FROM input ORDER BY ${order}`, input);
  expect(await kept('k, n DESC')).toBe('{"k":"a","v":"z"}\n{"k":"b","v":"w"}\n');
  expect(await kept('k, n')).toBe('{"k":"a","v":"y"}\n{"k":"b","v":"x"}\n');
  expect(await kept('k DESC, n DESC, v DESC LIMIT 1')).toBe('{"k":"b","v":"x"}\n');
  expect(await outputs('SELECT DISTINCT ON (1) upper(k) AS K, n FROM input ORDER BY 1, v DESC', input)).toBe(
    '{"k":"A","n":2}\n{"k":"B","n":1}\n',
  );
});

test('GROUP BY takes an expression, a position, or a name of the SELECT list; a column of the input comes first', async () => {
  const expected = '{"size":"large","n":2}\n{"size":"small","n":2}\n';
  const size = "CASE WHEN sales > 3 THEN 'large' ELSE 'small' END";
  for (const by of ['size', '1', size])
    expect(await outputs(`SELECT ${size} AS size, count(*) AS n FROM input GROUP BY ${by} ORDER BY size`)).toBe(
      expected,
    );
  expect((await run(['SELECT upper(region) AS sales, count(*) FROM input GROUP BY sales'])).errors).toContain(
    'column "input.region" must appear in the GROUP BY clause',
  );
});

test('a name of the SELECT list comes before an attribute of events, which lines do not have', async () => {
  expect(await outputs('SELECT region AS type, count(*) FROM input GROUP BY type LIMIT 1')).toBe(
    '{"type":"north","count":2}\n',
  );
});

test('HAVING, ORDER BY, LIMIT and OFFSET choose and sort the outputs', async () => {
  const select = 'SELECT region, sum(sales) AS total FROM input GROUP BY region';
  expect(await outputs(`${select} HAVING count(*) < 2`)).toBe(
    '{"region":"south","total":2}\n{"region":null,"total":3.25}\n',
  );
  expect(await outputs(`${select} ORDER BY total DESC LIMIT 1 OFFSET 1`)).toBe('{"region":null,"total":3.25}\n');
  expect(await outputs(`${select} ORDER BY region NULLS FIRST`)).toMatch(/null.*\n.*north.*\n.*south/);
  expect(await outputs(`${select} ORDER BY max(quantity), 1`)).toMatch(/south.*\n.*north.*\n.*null/);
});

test('FILTER, DISTINCT and ORDER BY work inside aggregates', async () => {
  const statement = `SELECT count(*) FILTER (WHERE sales > 2) AS a, count(DISTINCT region) AS b,
    string_agg(region, '+' ORDER BY sales DESC) AS c, array_agg(DISTINCT region) AS d FROM input`;
  expect(await outputs(statement)).toBe('{"a":2,"b":2,"c":"north+south+north","d":["north","south",null]}\n');
});

test('latest, earliest, topk and histogram, which Postgres does not have', async () => {
  const statement = `SELECT latest(region, sales) AS a, earliest(sales, quantity) AS b, topk(sales, 2) AS c,
    topkdistinct(region, 5) AS d, histogram(region) AS e, latest(region, sales) FILTER (WHERE false) AS f FROM input`;
  expect(await outputs(statement)).toBe(
    '{"a":"north","b":2,"c":[4,3.25],"d":["south","north"],"e":{"north": 2, "south": 1},"f":null}\n',
  );
});

test('without GROUP BY there is one output, also when no line passes WHERE and without any line', async () => {
  expect(await outputs('SELECT count(*), sum(sales) FROM input WHERE sales > 100')).toBe('{"count":0,"sum":null}\n');
  expect(await outputs('SELECT count(*) FROM input WHERE sales > 100 GROUP BY region')).toBe('');
  expect(await outputs('SELECT count(*) FROM input HAVING count(*) > 9')).toBe('');
  expect(await run(['SELECT count(*) FROM input'], '')).toEqual({ code: 0, out: '{"count":0}\n', errors: '' });
  expect(await run(['SELECT sum(sales) FROM input'], '')).toEqual({ code: 0, out: '', errors: '' });
  expect((await run(['SELECT count(* FROM input'], '')).code).toBe(2);
  expect(await outputs('SELECT count(*) AS n, sum(sales) AS s FROM input', '{"sales":1}\n\n')).toBe('{"n":1,"s":1}\n');
});

test('each element of an unnested list is a row, and WHERE chooses among them', async () => {
  const lists = '{"tags":["a","b"]}\n{"tags":["b",null]}\n{"tags":[]}\n';
  const statement =
    'SELECT tag, count(*) FROM input, unnest(tags) AS tag WHERE tag IS NOT NULL GROUP BY tag ORDER BY 1';
  expect(await outputs(statement, lists)).toBe('{"tag":"a","count":1}\n{"tag":"b","count":2}\n');
});

test('a line on which an aggregate fails is rejected and changes no aggregate of its group', async () => {
  const numbers = '{"n":1e308}\n{"n":1.5e308}\n{"n":-1e308}\n';
  expect(await run(['SELECT count(*) AS n, sum(n::double precision) AS s FROM input'], numbers)).toEqual({
    code: 1,
    out: '{"n":2,"s":0}\n',
    errors: '-:2: value out of range: overflow (SQLSTATE 22003), at statement:1:23\n',
  });
});

test('a group for which an expression fails is left out and named', async () => {
  expect(await run(['SELECT region, 1 / (count(*) - 2) AS x FROM input GROUP BY region'])).toEqual({
    code: 1,
    out: '{"region":"south","x":-1}\n{"region":null,"x":-1}\n',
    errors: 'statement:1:16: division by zero (SQLSTATE 22012), in the group "north"\n',
  });
});

test('the states of every aggregate can be kept as texts between rows', async () => {
  const columns = [
    { name: 'n', type: scalar('numeric'), nullable: true },
    { name: 't', type: scalar('text'), nullable: true },
  ];
  const text = `SELECT latest(n, t) AS a, earliest(t, n) AS b, topk(n, 2) AS c, topkdistinct(t, 2) AS d, histogram(t) AS e,
    any_value(t) AS f, array_agg(n) AS g, count(DISTINCT n) AS h, string_agg(t, ',' ORDER BY n DESC) AS i FROM input`;
  const plan = await checkStatement({ file: 'q', text }, { columns, ofFiles: true });
  const statement = groupedStatementOf(plan);
  const kept = {
    ...statement,
    addTo: undefined,
    add: (...row: Parameters<typeof statement.add>) =>
      loadStates(statement, saveStates(statement, statement.add(...row))),
  };
  const groups = startGroups(plan, kept);
  groups.add(Buffer.from('{"n":1.50,"t":"x"}\n{"n":null,"t":"{NULL}"}\n{"n":3,"t":null}\n{"n":1.5,"t":"x"}\n'));
  expect(Buffer.concat([...groups.outputs(() => undefined)]).toString('utf8')).toBe(
    '{"a":null,"b":"x","c":[3,1.50],"d":["{NULL}","x"],"e":{"x": 2, "{NULL}": 1},"f":"x","g":[1.50,null,3,1.5],"h":2,"i":"{NULL},x,x"}\n',
  );
});

test('more groups than fit are an error that says what to do', async () => {
  const columns = [{ name: 'n', type: scalar('integer'), nullable: true }];
  const source = { file: 'q', text: 'SELECT n, count(*) FROM input GROUP BY n' };
  const plan = await checkStatement(source, { columns, ofFiles: true });
  const groups = startGroups(plan, groupedStatementOf(plan), 2);
  groups.add(Buffer.from('{"n":1}\n{"n":2}\n{"n":1}\n'));
  expect(() => groups.add(Buffer.from('{"n":3}\n'))).toThrow(
    'there are more than 2 groups, which millrace sql keeps in memory: group by fewer columns, or choose lines with WHERE',
  );
});

test('CSV and tables are written as for other statements', async () => {
  const csv = ['--input', 'csv', '--format', 'csv'];
  expect((await run(['SELECT a, sum(b) FROM input GROUP BY a', ...csv], 'a,b\nx,1\ny,2\nx,3\n')).out).toBe(
    'a,sum\nx,4\ny,2\n',
  );
  const table = ['--format', 'table'];
  expect((await run(['SELECT count(*) AS n FROM input', ...table])).out).toBe('n\n-\n4\n');
});

test('--explain shows the keys, and what each aggregate keeps of a group', async () => {
  const statement = 'SELECT region, avg(sales), count(DISTINCT region) AS d FROM input GROUP BY 1 ORDER BY 2 LIMIT 5';
  const { out } = await run([statement, '--explain']);
  expect(out).toContain(
    [
      'plan',
      '  scan input',
      '  group by the text at 1:8 (of region)',
      '    avg(numeric) keeps bigint, numeric; rows can be subtracted',
      '    count(text) DISTINCT keeps text[]',
      '  project region, avg, d',
      '  sort by the numeric at 1:16',
      '  end after 5 outputs',
      '',
    ].join('\n'),
  );
});
