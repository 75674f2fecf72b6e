import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable, Writable } from 'node:stream';
import { expect, test } from 'vitest';
import { checkStatement } from '../../../../infra/sql/check/statement.ts';
import { groupedStatementOf } from '../../../../infra/sql/emit/statement-of.ts';
import { scalar } from '../../../../infra/sql/plan/sql-type.ts';
import { runSqlCommand } from '../../../../infra/sql/run/command.ts';
import { startGroups } from '../../../../infra/sql/run/groups.ts';

const at = (clock: string, region: string, n: number): string =>
  JSON.stringify({ region, n, time: `2026-11-30T${clock}Z` });

const EVENTS = [
  at('10:00:00', 'north', 1),
  at('10:14:59.999999', 'north', 2),
  at('10:15:00', 'north', 4),
  at('10:02:00', 'south', 8),
  at('09:59:59.999999', 'north', 16),
];

async function run(argv: readonly string[], lines: readonly string[] = EVENTS) {
  const written: Record<'out' | 'errors', Buffer[]> = { out: [], errors: [] };
  const sink = (name: 'out' | 'errors'): Writable =>
    new Writable({
      write: (part: Buffer, _encoding, done) => {
        written[name].push(part);
        done();
      },
    });
  const stdin = Readable.from([Buffer.from(lines.map((line) => `${line}\n`).join(''))]);
  const code = await runSqlCommand(argv, { stdin, stdout: sink('out'), stderr: sink('errors') });
  const text = (parts: readonly Buffer[]): string => Buffer.concat(parts).toString('utf8');
  return { code, out: text(written.out), errors: text(written.errors) };
}

/** Returns `region start-end sum` of each output, with the times of day. */
async function windows(window: string, lines?: readonly string[], rest = ''): Promise<readonly string[]> {
  const statement = `SELECT region, window_start, window_end, sum(n) AS n FROM input WINDOW ${window} GROUP BY region ${rest}`;
  const { out, errors } = await run([statement], lines);
  expect(errors).toBe('');
  const rows = out
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  const clock = (time: string): string => time.replace('2026-11-30T', '').replace('Z', '');
  return rows.map(
    ({ region, window_start, window_end, n }) => `${region} ${clock(window_start)}-${clock(window_end)} ${n}`,
  );
}

test('a tumbling window takes its start and not its end, and windows come in the order in which they begin', async () => {
  expect(await windows('TUMBLING (SIZE 15 MINUTES)')).toEqual([
    'north 10:00:00-10:15:00 3',
    'north 10:15:00-10:30:00 4',
    'south 10:00:00-10:15:00 8',
    'north 09:45:00-10:00:00 16',
  ]);
});

test('windows begin at multiples of their size since 1970 in UTC, before 1970 too', async () => {
  const lines = ['1969-12-31T23:59:59Z', '2026-11-30T00:00:00Z', '2026-12-03T00:00:00Z'].map((time, i) =>
    JSON.stringify({ region: 'north', n: i, time }),
  );
  const { out } = await run(['SELECT window_start FROM input WINDOW TUMBLING (SIZE 7 DAYS) GROUP BY region'], lines);
  expect(out).toBe(
    ['1969-12-25T00:00:00Z', '2026-11-26T00:00:00Z', '2026-12-03T00:00:00Z']
      .map((start) => `{"window_start":"${start}"}\n`)
      .join(''),
  );
});

test('an event is in every hopping window that covers its time', async () => {
  const lines = [at('10:10:00', 'north', 1), at('10:14:00', 'north', 2)];
  expect(await windows('HOPPING (SIZE 10 MINUTES, ADVANCE BY 4 MINUTES)', lines, 'ORDER BY window_start')).toEqual([
    'north 10:04:00-10:14:00 1',
    'north 10:08:00-10:18:00 3',
    'north 10:12:00-10:22:00 2',
  ]);
  const same = await windows('TUMBLING (SIZE 15 MINUTES)');
  expect(await windows('HOPPING (SIZE 15 MINUTES, ADVANCE BY 15 MINUTES)')).toEqual(same);
});

test('a session goes from its first event to its last, and ends where the next event is more than the gap away', async () => {
  const lines = [
    at('10:00:00', 'north', 1),
    at('10:10:00', 'north', 2),
    at('10:20:00.000001', 'north', 4),
    at('10:05:00', 'south', 8),
  ];
  expect(await windows('SESSION (10 MINUTES)', lines)).toEqual([
    'north 10:00:00-10:10:00 3',
    'north 10:20:00.000001-10:20:00.000001 4',
    'south 10:05:00-10:05:00 8',
  ]);
});

test('an event between two sessions makes one of them, in whatever order events come', async () => {
  const lines = [
    at('10:00:00', 'north', 1),
    at('10:16:00', 'north', 2),
    at('10:08:00', 'north', 4),
    at('09:55:00', 'north', 8),
  ];
  for (const order of [lines, lines.toReversed(), [lines[2]!, lines[3]!, lines[0]!, lines[1]!]])
    expect(await windows('SESSION (10 MINUTES)', order)).toEqual(['north 09:55:00-10:16:00 15']);
});

test('every aggregate of two sessions that become one has the result of all their events', async () => {
  const calls = `count(*) AS a, sum(n) AS b, avg(n) AS c, stddev(n) AS d, min(n) AS e, max(n) AS f, array_agg(n) AS g,
    string_agg(n::text, '+') AS h, count(DISTINCT n) AS i, string_agg(n::text, ',' ORDER BY n DESC) AS j,
    latest(n, time) AS k, earliest(n, time) AS l, topk(n, 2) AS m, topkdistinct(n, 2) AS o, histogram(region) AS p,
    bool_and(n > 1) AS q, bool_or(n > 3) AS r, any_value(region) AS s, sum(n::integer) AS t, avg(n::bigint) AS u,
    sum(n::double precision) AS v, variance(n::double precision) AS w, max(n) FILTER (WHERE n < 3) AS x,
    string_agg(convert_to(n::text, 'UTF8'), convert_to('+', 'UTF8')) IS NOT NULL AS y,
    sum(n * interval '1 minute')::text AS z`;
  const statement = (window: string): string =>
    `SELECT ${calls.replaceAll('time)', 'time::timestamptz)')} FROM input ${window} GROUP BY region`;
  const first = [at('10:00:00', 'north', 3), at('10:01:00', 'north', 1)];
  const second = [at('10:16:00', 'north', 5), at('10:17:00', 'north', 3)];
  const joining = at('10:09:00', 'north', 2);
  const { out } = await run([statement('WINDOW SESSION (8 MINUTES)')], [...second, ...first, joining]);
  expect(out).toBe((await run([statement('')], [...first, ...second, joining])).out);
  expect(out.trim().split('\n')).toHaveLength(1);
});

test('window_start and window_end can be selected by another name, in expressions, HAVING and ORDER BY', async () => {
  const statement = `SELECT window_end - window_start AS long, window_start AS began, count(*) AS n FROM input
    WINDOW TUMBLING (SIZE 15 MINUTES) GROUP BY region
    HAVING window_start < '2026-11-30T10:15Z' ORDER BY window_start DESC, region`;
  const { out } = await run([statement.replace('window_end - window_start', '(window_end - window_start)::text')]);
  expect(out).toBe(
    [
      '{"long":"00:15:00","began":"2026-11-30T10:00:00Z","n":2}',
      '{"long":"00:15:00","began":"2026-11-30T10:00:00Z","n":1}',
      '{"long":"00:15:00","began":"2026-11-30T09:45:00Z","n":1}',
      '',
    ].join('\n'),
  );
});

test('a column of the input with the name window_start is still there under the name of its stream', async () => {
  const lines = [JSON.stringify({ window_start: 'x', time: '2026-11-30T10:00:00Z' })];
  const statement =
    'SELECT window_start AS ours, input.window_start AS theirs FROM input WINDOW TUMBLING (SIZE 1 HOUR) GROUP BY input.window_start';
  expect((await run([statement], lines)).out).toBe('{"ours":"2026-11-30T10:00:00Z","theirs":"x"}\n');
});

test('the time of a line is that of TIMESTAMP BY, or a column "time"; the grace period makes nothing late in a file', async () => {
  const lines = ['2026-11-30', '2026-11-29', '2026-01-01'].map((day) => JSON.stringify({ day, time: 'none' }));
  const statement =
    'SELECT window_start, count(*) AS n FROM input WINDOW TUMBLING (SIZE 2 DAYS, GRACE PERIOD 0 SECONDS) GROUP BY time EMIT FINAL TIMESTAMP BY day::date';
  expect((await run([statement], lines)).out).toBe(
    '{"window_start":"2026-11-29T00:00:00Z","n":2}\n{"window_start":"2026-01-01T00:00:00Z","n":1}\n',
  );
});

test('a line whose time is null, infinite or outside of the years 1750 to 2249 is rejected, and the others count', async () => {
  const lines = [null, 'infinity', '9999-12-31T23:59:59Z', '2026-11-30T10:00:00Z', 'soon'].map((time) =>
    JSON.stringify({ region: 'north', time }),
  );
  const { code, out, errors } = await run(
    ['SELECT count(*) AS n FROM input WINDOW TUMBLING (SIZE 1 HOUR) GROUP BY region'],
    lines,
  );
  expect({ code, out }).toEqual({ code: 1, out: '{"n":1}\n' });
  expect(errors.split('\n').map((line) => line.replace(/; write .*/, ''))).toEqual([
    '-:1: the time is null, so the row is in no window: choose rows with WHERE … IS NOT NULL (SQLSTATE 22004), at statement:1:33',
    '-:2: the time infinity is in no window: those are in the years 1750 to 2249 (SQLSTATE 22008), at statement:1:33',
    '-:3: the time 9999-12-31 23:59:59+00 is in no window: those are in the years 1750 to 2249 (SQLSTATE 22008), at statement:1:33',
    '-:5: invalid input syntax for type timestamp with time zone: "soon"',
    '',
  ]);
});

test('a line on which an aggregate fails in one of its windows counts in none', async () => {
  const lines = [at('10:06:00', 'north', 1e308), at('10:03:00', 'north', 1e308), at('10:20:00', 'north', 1)];
  const statement = `SELECT window_start, sum(n::double precision) AS s FROM input
    WINDOW HOPPING (SIZE 10 MINUTES, ADVANCE BY 5 MINUTES) GROUP BY region`;
  expect(await run([statement], lines)).toEqual({
    code: 1,
    out: [
      '{"window_start":"2026-11-30T10:00:00Z","s":1e+308}',
      '{"window_start":"2026-11-30T10:05:00Z","s":1e+308}',
      '{"window_start":"2026-11-30T10:15:00Z","s":1}',
      '{"window_start":"2026-11-30T10:20:00Z","s":1}',
      '',
    ].join('\n'),
    errors: '-:2: value out of range: overflow (SQLSTATE 22003), at statement:1:22\n',
  });
});

test('the elements of a list that is rejected at a later element do not count', async () => {
  const lines = ['{"list":[1,2]}', '{"list":[3,0]}'];
  const { code, out } = await run(
    ['SELECT sum(12 / x::integer) AS s, count(*) AS n FROM input, unnest(list) AS x'],
    lines,
  );
  expect({ code, out }).toEqual({ code: 1, out: '{"s":18,"n":2}\n' });
});

test('groups and windows together are at most as many as fit', async () => {
  const columns = [{ name: 'time', type: scalar('timestamptz'), nullable: true }];
  const source = { file: 'q', text: 'SELECT count(*) FROM input WINDOW TUMBLING (SIZE 1 HOUR) GROUP BY 1 + 1' };
  const plan = await checkStatement(source, { columns, ofFiles: true });
  const groups = startGroups(plan, groupedStatementOf(plan), 2);
  groups.add(
    Buffer.from('{"time":"2026-11-30T10:00:00Z"}\n{"time":"2026-11-30T11:00:00Z"}\n{"time":"2026-11-30T10:30:00Z"}\n'),
  );
  expect(() => groups.add(Buffer.from('{"time":"2026-11-30T12:00:00Z"}\n'))).toThrow('there are more than 2 groups');
});

test('--explain shows the window, its grace period and retention, the windows of an event and the bytes of a window', async () => {
  const explained = async (window: string): Promise<string> =>
    (
      await run([
        `SELECT count(*) AS n, sum(n) AS s, count(DISTINCT n) AS d FROM input WINDOW ${window} GROUP BY region`,
        '--explain',
      ])
    ).out;
  expect(await explained('HOPPING (SIZE 1 HOUR, ADVANCE BY 25 MINUTES, GRACE PERIOD 90 SECONDS)')).toMatch(
    /group by .*\n {2}in hopping windows of 1 hour, one every 25 minutes, by the timestamptz at 1:70 \(of time\)\n {4}grace period 90 seconds, retention 7 days, emit changes\n[\s\S]*an event falls into up to 3 windows\n {2}state of an open window: about 36 bytes, and the values that count keeps, beside the group's key\n/,
  );
  expect(await explained('TUMBLING (SIZE 15 MINUTES)')).toContain('in tumbling windows of 15 minutes');
  expect(await explained('TUMBLING (SIZE 15 MINUTES)')).toContain('an event falls into 1 window\n');
  expect(await explained('SESSION (30 MINUTES) ')).toContain('in sessions of rows at most 30 minutes apart');
});

test('joined files have windows too, by the time that TIMESTAMP BY gives', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-windows-'));
  try {
    writeFileSync(join(folder, 'orders.ndjson'), EVENTS.map((line) => `${line}\n`).join(''));
    writeFileSync(
      join(folder, 'regions.ndjson'),
      '{"region":"north","name":"N","time":"x"}\n{"region":"south","name":"S"}\n',
    );
    const statement = (end: string): string =>
      `SELECT name, window_start, sum(n) AS n FROM orders JOIN regions USING (region) WINDOW TUMBLING (SIZE 1 HOUR) GROUP BY name ${end}`;
    const files = [`orders=${join(folder, 'orders.ndjson')}`, `regions=${join(folder, 'regions.ndjson')}`];
    const { out } = await run([statement('ORDER BY 2, 1 TIMESTAMP BY orders.time::timestamptz'), ...files]);
    expect(out).toBe(
      [
        '{"name":"N","window_start":"2026-11-30T09:00:00Z","n":16}',
        '{"name":"N","window_start":"2026-11-30T10:00:00Z","n":7}',
        '{"name":"S","window_start":"2026-11-30T10:00:00Z","n":8}',
        '',
      ].join('\n'),
    );
    expect((await run([statement(''), ...files])).errors).toContain('WINDOW needs one');
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
