import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable, Writable } from 'node:stream';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { runSqlCommand } from '../../../../infra/sql/run/command.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'millrace-sql-'));
  writeFileSync(join(folder, 'orders.ndjson'), ORDERS);
  writeFileSync(join(folder, 'bad-header.csv'), 'id,size"in,x\n1,2,3\n4,5,6\n');
  writeFileSync(join(folder, 'orders.csv'), 'id,name,total\r\n1,"a,b",2.50\r\n2,,3\r\n"3","7",x\r\n');
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const ORDERS = `{"order_id":1,"status":"COMPLETE","sales":12.50}
{"order_id":2,"status":"NEW","sales":1}
{"order_id":9007199254740993,"status":"COMPLETE","sales":0.10,"tags":["a"]}`;

const ORDER = `${new URL('../order-schema.ts', import.meta.url).pathname}#Order`;
const NUMERIC = `${new URL('../order-schema.ts', import.meta.url).pathname}#Numeric`;
const NUMBERS = `${new URL('../order-schema.ts', import.meta.url).pathname}#Numbers`;

const ORDERS_CSV = 'order_id,status\n7,1\n"8",2\nx,3\n';

function sink(): { stream: Writable; text: () => string } {
  const parts: Buffer[] = [];
  const stream = new Writable({
    write: (part: Buffer, _encoding, done) => {
      parts.push(part);
      done();
    },
  });
  return { stream, text: () => Buffer.concat(parts).toString('utf8') };
}

async function run(
  argv: readonly string[],
  input: string | readonly (string | Buffer)[] = '',
): Promise<{ code: number; out: string; errors: string }> {
  const [stdout, stderr] = [sink(), sink()];
  const parts = typeof input === 'string' ? [input] : input;
  const stdin = Readable.from(parts.map((part) => Buffer.from(part as string)));
  const code = await runSqlCommand(
    argv.map((arg) => arg.replace('@', `${folder}/`)),
    { stdin, stdout: stdout.stream, stderr: stderr.stream },
  );
  return { code, out: stdout.text(), errors: stderr.text() };
}

test('a statement runs over a file of JSON lines, without losing a digit', async () => {
  expect(await run(["SELECT order_id, sales FROM input WHERE status = 'COMPLETE'", '@orders.ndjson'])).toEqual({
    code: 0,
    out: '{"order_id":1,"sales":12.50}\n{"order_id":9007199254740993,"sales":0.10}\n',
    errors: '',
  });
});

test('on a terminal, neither an output nor a rejection can control it, in any format; in a pipe outputs stay raw', async () => {
  const hostile = '{"name":"\u009b31m\u202e"}\n\u001b]0;owned\u0007\n';
  for (const format of ['ndjson', 'csv', 'table']) {
    const [stdout, stderr] = [sink(), sink()];
    const streams = {
      stdin: Readable.from([Buffer.from(hostile)]),
      stdout: Object.assign(stdout.stream, { isTTY: true }),
      stderr: Object.assign(stderr.stream, { isTTY: true }),
    };
    expect(await runSqlCommand(['SELECT name, name AS "\u202e" FROM input', '--format', format], streams)).toBe(1);
    expect(stdout.text()).toContain('\\u009b31m\\u202e');
    expect(stdout.text() + stderr.text()).not.toMatch(/(?!\n)[\p{Cc}\p{Bidi_Control}]/u);
  }
  expect((await run(['SELECT name FROM input'], hostile)).out).toBe('{"name":"\u009b31m\u202e"}\n');
});

test('standard input is read correctly wherever it is cut into parts', async () => {
  const parts = [...ORDERS].map(String);
  const { out } = await run(
    [
      'SELECT order_id + 1 AS next FROM input',
      '--schema',
      `${new URL('../order-schema.ts', import.meta.url).pathname}#Order`,
    ],
    parts,
  );
  expect(out).toBe('{"next":2}\n{"next":3}\n{"next":9007199254740994}\n');
});

test('several files are one input', async () => {
  const { out } = await run(['SELECT status FROM input WHERE sales = 1', '@orders.ndjson', '@orders.ndjson']);
  expect(out).toBe('{"status":"NEW"}\n{"status":"NEW"}\n');
});

test('the header of CSV names the columns; quoted cells are text, empty cells null, and a schema gives the types', async () => {
  const { out } = await run(['SELECT * FROM input', '@orders.csv']);
  expect(out).toBe(
    '{"id":"1","name":"a,b","total":"2.50"}\n{"id":"2","name":null,"total":"3"}\n{"id":"3","name":"7","total":"x"}\n',
  );
  const schema = new URL('../order-schema.ts', import.meta.url).pathname;
  expect(
    await run(['SELECT order_id * 2 AS x FROM input', '--schema', `${schema}#Order`, '--input', 'csv'], ORDERS_CSV),
  ).toEqual({
    code: 1,
    out: '{"x":14}\n{"x":16}\n',
    errors: '-:4: column "order_id" must be bigint, not "x"\n',
  });
});

test('the first file gives the types of the columns for all files', async () => {
  writeFileSync(join(folder, 'zips.csv'), 'zip\n01234\n');
  writeFileSync(join(folder, 'more-zips.csv'), 'zip\n53111\n');
  const { out } = await run(["SELECT zip || '!' AS zip FROM input", '@zips.csv', '@more-zips.csv']);
  expect(out).toBe('{"zip":"01234!"}\n{"zip":"53111!"}\n');
});

test('CSV output has quotes where they are needed, and a header even without rows', async () => {
  expect((await run(['SELECT name, id FROM input', '@orders.csv', '--format', 'csv'])).out).toBe(
    'name,id\n"a,b",1\n,2\n7,3\n',
  );
  expect((await run(['SELECT order_id FROM input WHERE sales > 1000', '@orders.ndjson', '--format', 'csv'])).out).toBe(
    'order_id\n',
  );
});

test('a table is aligned', async () => {
  expect(
    (await run(['SELECT order_id, status FROM input WHERE sales > 0.5', '@orders.ndjson', '--format', 'table'])).out,
  ).toBe('order_id  status\n--------  --------\n1         COMPLETE\n2         NEW\n');
});

test('a rejected event is reported with its line, the others are processed, and the exit code is 1', async () => {
  const result = await run(['SELECT 1 / n AS x FROM input'], '{"n":1}\nnot json\n\n{"n":0}\n{"n":2}\n');
  expect(result.out).toBe('{"x":1.00000000000000000000}\n{"x":0.50000000000000000000}\n');
  expect(result.errors).toContain('-:2: the event');
  expect(result.errors).toContain('-:4: division by zero (SQLSTATE 22012), at statement:1:8');
  expect(result.code).toBe(1);
});

test.each([
  [['SELECT ordr_id FROM input', '@orders.ndjson'], 'did you mean "order_id"?'],
  [['SELECT 1 AS x FROM input', '@missing.ndjson'], 'missing.ndjson: no such file'],
  [['SELECT 1 AS x FROM input', '@missing.csv'], 'missing.csv: no such file'],
  [
    ['SELECT 1 AS x FROM input', '@bad-header.csv'],
    'bad-header.csv:1: the header cannot be read: a quote is inside an unquoted field',
  ],
  [['SELECT 1 AS x FROM input', '@'], ': is a folder, not a file'],
  [
    ['SELECT 1 AS x FROM input', '@orders.csv', '--input', 'ndjson'],
    'orders.csv: the first lines are not JSON objects: use --input csv',
  ],
  [['SELECT 1 AS x FROM input', '--schema', 'missing.ts#Order'], 'missing.ts: no such file'],
  [['explain'], 'no file given; write millrace sql explain'],
  [['explain', '@missing.sql'], 'missing.sql: no such file'],
  [['SELECT 1 AS x FROM input', '--format', 'xml'], 'ndjson'],
  [['SELECT 1 AS x FROM input', '--nonsense'], '--nonsense'],
  [['SELECT 1 AS x FROM input', '--schema', 'order.ts'], 'write file.ts#export'],
  [[], 'no statement given; see millrace sql --help'],
])('the arguments %j are a mistake: exit code 2', async (argv, message) => {
  const { code, errors } = await run(argv);
  expect(errors).toContain(message);
  expect(code).toBe(2);
});

test('a CSV record with too few cells, or for which an expression fails, is rejected with its line', async () => {
  const result = await run(['SELECT id, 6 / n AS x FROM input', '--input', 'csv'], 'id,n\n1,2\n2\n3,0\n4,3\n');
  expect(result.out).toBe('{"id":1,"x":3.0000000000000000}\n{"id":4,"x":2.0000000000000000}\n');
  expect(result.errors).toMatch(
    /^-:3: the record has 1 cell, but the header has 2: make them equal\n-:4: division by zero/,
  );
  expect(result.code).toBe(1);
});

test('a file in which no record can be read gives a rejection and no output', async () => {
  expect(await run(['SELECT id FROM input', '--input', 'csv'], 'id,n\n1\n')).toEqual({
    code: 1,
    out: '',
    errors: '-:2: the record has 1 cell, but the header has 2: make them equal\n',
  });
});

test('955 rejected lines print the first ten, and then how many were rejected for each reason', async () => {
  const lines = Array.from({ length: 1000 }, (_, i) =>
    i < 900 ? `{"n":0,"i":${i}}` : i < 955 ? '{"n":"x"}' : '{"n":2}',
  );
  const { out, errors, code } = await run(['SELECT 1 / n AS x FROM input', '--schema', NUMBERS], lines.join('\n'));
  expect(out.trim().split('\n').length).toBe(45);
  const printed = errors.trim().split('\n');
  expect(printed.length).toBe(13);
  expect(printed.slice(9)).toEqual([
    '-:10: division by zero (SQLSTATE 22012), at statement:1:8',
    '955 lines were rejected; the first 10 are above. By reason:',
    '     900 × such as -:1: division by zero (SQLSTATE 22012), at statement:1:8',
    '      55 × such as -:901: column "n" must be bigint, not "x"',
  ]);
  expect(code).toBe(1);
});

test('however many reasons there are, a bounded number of lines is printed', async () => {
  const lines = Array.from({ length: 500 }, (_, i) => `{"${'k'.repeat(i)}${'ab'[i % 2]}":1}x{"n":"${i}"`);
  const { errors } = await run(['SELECT n FROM input', '--schema', NUMBERS], lines.join('\n'));
  expect(errors.split('\n').length).toBeLessThan(40);
  expect(errors).toContain('500 lines were rejected');
  const long = JSON.stringify({ t: 'x'.repeat(100_000) });
  const { errors: cut } = await run(['SELECT t::integer AS t FROM input'], `${long}\n`.repeat(20));
  expect(cut).toContain('20 lines were rejected');
  expect(cut.length).toBeLessThan(10_000);
});

test('LIMIT ends the statement after so many outputs, across files and with unnested lists, and reads no further', async () => {
  const cases: readonly (readonly [statement: string, outputs: number])[] = [
    ['SELECT order_id FROM input LIMIT 4', 4],
    ['SELECT order_id FROM input LIMIT 0', 0],
    ['SELECT order_id FROM input LIMIT ALL', 6],
    ["SELECT order_id FROM input WHERE status = 'COMPLETE' FETCH FIRST 3 ROWS ONLY", 3],
    ['SELECT item FROM input, unnest(ARRAY[1, 2, 3, 4]) AS item LIMIT 6', 6],
  ];
  for (const [statement, outputs] of cases) {
    const { out, code } = await run([statement, '@orders.ndjson', '@orders.ndjson']);
    expect([statement, out.split('\n').length - 1, code]).toEqual([statement, outputs, 0]);
  }
  expect((await run(['SELECT order_id FROM input LIMIT 4', '@orders.ndjson', '--explain'])).out).toContain(
    'stop after 4 outputs',
  );
  const lines = Array.from({ length: 50 }, (_, i) => `${JSON.stringify({ id: i, text: 'x'.repeat(1 << 16) })}\n`);
  let read = 0;
  const stdin = Readable.from(lines.map((line) => Buffer.from(line))).on('data', () => (read += 1));
  stdin.pause();
  const [stdout, stderr] = [sink(), sink()];
  expect(
    await runSqlCommand(['SELECT id FROM input LIMIT 1'], { stdin, stdout: stdout.stream, stderr: stderr.stream }),
  ).toBe(0);
  expect(stdout.text()).toBe('{"id":0}\n');
  expect(read).toBeLessThan(30);
});

test.each([
  ['SELECT order_id FROM input LIMIT 2 OFFSET 1', 'OFFSET is not supported: write LIMIT alone'],
  ['SELECT order_id FROM input LIMIT 1 + 1', 'LIMIT takes a whole number, such as LIMIT 10'],
  ['SELECT order_id FROM input LIMIT -1', 'LIMIT takes a whole number, such as LIMIT 10'],
])('%s: a mistake', async (statement, message) => {
  const { code, errors } = await run([statement, '@orders.ndjson']);
  expect(errors).toContain(message);
  expect(code).toBe(2);
});

test.each([
  ['csv', `n\n${'1\n'.repeat(20)}n/a\n`, 'text', '"n/a"'],
  ['ndjson', `${'{"n":1}\n'.repeat(21)}{"n":"n/a"}\n`, 'jsonb', '"n/a"'],
])(
  'a column of %s with numbers up to line 21 and text in line 22 says what it is read as, where, and how to mend it',
  async (...[format, input, type, value]) => {
    const note = `-:22: column "n" holds ${value} here and numbers in the lines before, so it is read as ${type}: correct the line, or give the column's type with --schema file.ts#export\n`;
    const wrong = await run(['SELECT n * 2 AS x FROM input', '--input', format], input);
    expect(wrong.errors).toMatch(/operator|function/);
    expect(wrong.errors).toContain(note);
    expect(wrong.code).toBe(2);
    const right = await run(['SELECT n FROM input LIMIT 1', '--input', format], input);
    expect(right).toMatchObject({ code: 0, errors: format === 'csv' ? note : '' });
  },
);

test('a value of another type behind the first thousand lines is rejected with its line, and the message says how to give the type', async () => {
  for (const [format, input] of [
    ['csv', `n\n${'1\n'.repeat(1500)}x\n`],
    ['ndjson', `${'{"n":1}\n'.repeat(1501)}{"n":"x"}\n`],
  ] as const) {
    const { errors, code } = await run(['SELECT n + 1 AS x FROM input', '--input', format], input);
    expect(errors).toBe(
      '-:1502: column "n" must be numeric, not "x"\nhint: each column has the type that the first lines show; give it another one with --schema file.ts#export\n',
    );
    expect(code).toBe(1);
  }
});

test('--schema takes a header with blanks and other capitals, and names the columns found when one is missing', async () => {
  expect(
    await run(['SELECT order_id FROM input', '--schema', ORDER, '--input', 'csv'], ' Order_ID ,STATUS\n7,1\n'),
  ).toEqual({
    code: 0,
    out: '{"order_id":7}\n',
    errors: '',
  });
  const { code, errors } = await run(
    ['SELECT order_id FROM input', '--schema', ORDER, '--input', 'csv'],
    'id,status\n7,1\n',
  );
  expect(errors).toBe(
    "-: the header has no column 'order_id', which the schema requires; its columns are 'id', 'status'\n",
  );
  expect(code).toBe(2);
});

test('a byte order mark before JSON is no part of it, and compressed content is named as such', async () => {
  for (const json of ['\ufeff{"id":1}\n', '\ufeff[{"id":1}]']) {
    writeFileSync(join(folder, 'marked.json'), json);
    const bytes = Buffer.from(json);
    const split = [bytes.subarray(0, 1), bytes.subarray(1, 2), bytes.subarray(2)];
    for (const input of [undefined, [bytes], split])
      expect(await run(['SELECT id FROM input', ...(input ? [] : ['@marked.json'])], input)).toEqual({
        code: 0,
        out: '{"id":1}\n',
        errors: '',
      });
  }
  writeFileSync(join(folder, 'packed.csv'), gzipSync('a,b\n1,2\n'));
  const { code, errors } = await run(['SELECT a FROM input', '@packed.csv']);
  expect(errors).toMatch(/packed\.csv: is compressed with gzip: decompress it and .* gzip -dc <file> \| millrace sql/);
  expect(code).toBe(2);
});

test('a file that is one JSON array gives its elements, from a file or standard input, wherever it is cut', async () => {
  const array = '\n[{"id":1,\n "n":1.50},\r\n{"id":9007199254740993,"n":"x"}, {"id":3}]\n';
  const expected = {
    code: 1,
    out: '{"id":1,"x":3.00}\n{"id":3,"x":null}\n',
    errors: '@:4: column "n" must be numeric, not "x"\n',
  };
  const statement = ['SELECT id, n * 2 AS x FROM input', '--schema', NUMERIC];
  writeFileSync(join(folder, 'array.json'), array);
  const fromFile = await run([...statement, '@array.json']);
  expect({ ...fromFile, errors: fromFile.errors.replace(/^.*array.json/, '@') }).toEqual(expected);
  for (const parts of [[array], [...array]]) {
    const piped = await run(statement, parts);
    expect({ ...piped, errors: piped.errors.replace('-', '@') }).toEqual(expected);
  }
  expect((await run(['SELECT id FROM input LIMIT 1', '@array.json'])).out).toBe('{"id":1}\n');
  expect(await run(['SELECT id FROM input'], '[]')).toEqual({ code: 0, out: '', errors: '' });
});

test('a JSON array of one long line is read in parts, and its types are inferred from the first of them', async () => {
  const elements = Array.from({ length: 60_000 }, (_, id) => JSON.stringify({ id, note: 'x'.repeat(60) }));
  writeFileSync(join(folder, 'long.json'), `[${elements.join(',')}]`);
  const concat = vi.spyOn(Buffer, 'concat');
  try {
    const { out, code } = await run(['SELECT id + 1 AS x FROM input WHERE id >= 59998', '@long.json']);
    expect([out, code]).toEqual(['{"x":59999}\n{"x":60000}\n', 0]);
    expect(Math.max(...concat.mock.results.map(({ value }) => value.length))).toBeLessThan(3 << 20);
  } finally {
    concat.mockRestore();
  }
});

test.each(['SELECT a FROM input', 'SELECT * FROM input'])(
  'a column that the header of CSV has twice is for the file to rename, not for the statement: %s',
  async (statement) => {
    const { errors, code } = await run([statement, '--input', 'csv'], 'id,a,a\n1,2,3\n');
    expect(errors).toContain('hint: the input has several columns of this name: rename them there, in a file of CSV');
    expect(code).toBe(2);
  },
);

test('a damaged JSON array gives one rejection, which says from where on nothing was read; deep elements are rejected alone', async () => {
  const deep = `{"id":2,"n":${'['.repeat(1_001)}${']'.repeat(1_001)}}`;
  const { out, errors, code } = await run(
    ['SELECT id FROM input'],
    `[{"id":1},\n${deep},\n{"id":3},\n{"id":NaN},{"id":5}]`,
  );
  expect(out).toBe('{"id":1}\n{"id":3}\n');
  expect(errors).toMatch(
    /^-:2: JSON nested deeper than 1000 levels at byte \d+\n-:4: the JSON array is damaged at byte \d+ in line 4, because an element is not JSON: .*nothing from there on; correct the rest, and make it a file of its own\n$/,
  );
  expect(code).toBe(1);
});

test('an empty input gives no output and no error, unless the statement has a syntax error', async () => {
  expect(await run(['SELECT a FROM input'])).toEqual({ code: 0, out: '', errors: '' });
  expect(await run(['SELECT a FRM input'])).toMatchObject({ code: 2, errors: expect.stringContaining('syntax error') });
});

test('a line may have any length, even the first one', async () => {
  for (const long of ['x'.repeat(5 << 20), 'é'.repeat(3 << 20)]) {
    const statement = 'SELECT id, length(note) AS n FROM input';
    const line = `{"id":1,"note":"${long}"}`;
    const result = `{"id":1,"n":${long.length}}\n`;
    expect(await run([statement], line)).toEqual({ code: 0, out: result, errors: '' });
    expect((await run([statement], `${line}\n{"id":2,"note":"y"}\n`)).out).toBe(`${result}{"id":2,"n":1}\n`);
  }
});

test('columns are inferred from the first input that has any lines', async () => {
  writeFileSync(join(folder, 'empty.ndjson'), '');
  const { out } = await run(['SELECT status FROM input WHERE sales = 1', '@empty.ndjson', '@orders.ndjson']);
  expect(out).toBe('{"status":"NEW"}\n');
});

test('lists are unnested, even if some of them are empty', async () => {
  const input = '{"id":1,"tags":[],"items":[]}\n{"id":2,"tags":["a","b"],"items":[{"sku":"x"},{"sku":"y"}]}\n';
  expect((await run(['SELECT id, tags[2] AS tag FROM input'], input)).out).toBe(
    '{"id":1,"tag":null}\n{"id":2,"tag":"b"}\n',
  );
  expect((await run(["SELECT id, item ->> 'sku' AS sku FROM input, unnest(items) AS item"], input)).out).toBe(
    '{"id":2,"sku":"x"}\n{"id":2,"sku":"y"}\n',
  );
});

test('sql explain takes a .sql file and the schema that it names', async () => {
  const schema = new URL('../order-schema.ts', import.meta.url).pathname;
  writeFileSync(
    join(folder, 'done.sql'),
    `-- schema: ${schema}#Order\nCREATE STREAM done AS SELECT order_id FROM orders WHERE status = 'COMPLETE'`,
  );
  const { out, code } = await run(['explain', '@done.sql']);
  expect(code).toBe(0);
  expect(out).toContain('into done');
  expect(out).toContain('order_id: bigint, never null, copied byte for byte');
});

test('--explain prints the plan, what it reads, costs and guarantees, and the code', async () => {
  const { out, code } = await run([
    "SELECT order_id, upper(status) AS s FROM input WHERE status = 'NEW'",
    '@orders.ndjson',
    '--explain',
  ]);
  expect(code).toBe(0);
  for (const part of [
    'scan input',
    'filter the boolean at 1:54',
    'order_id: numeric',
    'copied byte for byte',
    '2 of 4 columns',
    'deterministic',
    'copyColumns(writer, row',
  ])
    expect(out).toContain(part);
});
