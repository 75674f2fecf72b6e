import { setTimeout as delay } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { StaleCheckpoint } from '../../../functions/runtime/errors.ts';
import type { OpenSink } from '../../../functions/runtime/sink.ts';
import { defineTable, type Table } from '../../../functions/runtime/table.ts';
import { tableDefinition } from '../../../functions/table-state/table-handler.ts';
import { type Given, logOf, sliceOf } from '../../contracts/slices.ts';
import { seededRandom } from '../../infra/emulator/mapping/seeded-random.ts';
import { createTables } from '../../kit/tables.ts';
import { client, database, server, useFreshDatabases } from '../sinks/postgres/fresh-database.ts';

useFreshDatabases();

const Change = z.object({ id: z.string(), part: z.int32().nullable(), by: z.number(), note: z.unknown().optional() });
const Total = z.object({
  id: z.string(),
  part: z.int32().nullable(),
  total: z.number(),
  exact: z.string().meta({ sql: 'numeric' }),
  at: z.iso.datetime(),
  log: z.array(z.number()),
  note: z.unknown().optional(),
});

/** Adds up; a total of 0 deletes its row, and an event of type `bad` throws. */
const totals = defineTable({
  entry: import.meta.url,
  from: Change,
  row: Total,
  key: ['id', 'part'],
  reduce: (row, { type, time: at, data: { id, part, by, note } }) => {
    if (row !== undefined) row.log.push(by);
    if (type === 'bad') throw new Error(`no ${by}`);
    const total = (row?.total ?? 0) + by;
    if (total === 0) return undefined;
    const exact = String(BigInt(row?.exact ?? '90071992547409930000') + 1n);
    return { id, part, total, exact, at, log: row?.log ?? [by], ...(note === undefined ? {} : { note }) };
  },
});

interface Opening {
  readonly table?: Table;
  readonly step?: string;
  readonly formerly?: string;
  readonly user?: string;
}

function openTable({ table = totals, step = 'shop/totals', formerly, user = server.user }: Opening = {}): OpenSink {
  const { host, port, password } = server;
  const { resources, open } = tableDefinition(table);
  const parsed = resources.parse({ host, port, database, user, tls: 'off', auth: { password } });
  return open({ step, formerly, options: undefined, resources: parsed });
}

interface Writing {
  readonly size?: number;
  readonly previous?: number;
  readonly step?: string;
  readonly shard?: string;
}

/** Writes events in slices of the given size. Resolves to the rejections as `index: message`. */
async function write(
  sink: OpenSink,
  given: readonly Given[],
  { size = given.length, previous = 0, ...of }: Writing = {},
) {
  const events = logOf(given);
  const rejected: string[] = [];
  for (let start = 0, revision = previous; start < events.length; start += size, revision++) {
    const some = events.slice(start, start + size);
    const slice = sliceOf({ step: 'shop/totals', ...of, events: some, previous: revision, pageSize: 7 });
    for (const { at, reason, message } of await sink.write(slice))
      rejected.push(`${events.findIndex(({ position }) => position === at)}: ${reason}: ${message}`);
  }
  return rejected;
}

const AT = '2026-11-22T10:00:00Z';

const change = (
  id: string,
  by: unknown,
  more: Partial<Given> & { part?: number | null; note?: unknown } = {},
): Given => {
  const { part = 1, note, ...given } = more;
  return { key: id, data: { id, part, by, ...(note === undefined ? {} : { note }) }, time: AT, ...given };
};

async function rowsOf(statement = 'SELECT id, total FROM shop.totals ORDER BY id'): Promise<unknown[][]> {
  const { rows } = await client.query({ text: statement, rowMode: 'array' });
  return rows;
}

test.each([1, 2, 100])(
  'a table reduces events in their order, in slices of %d, and deletes and makes rows again',
  async (size) => {
    const given = [
      change('a', 1),
      change('a', -1),
      change('a', 2),
      change('b', 5, { note: { deep: [null] } }),
      change('c', 3),
      change('b', 1, { note: null }),
      change('c', -3),
      change('b', 1, { part: null }),
    ];
    expect(await write(openTable(), given, { size })).toEqual([]);
    expect(await rowsOf('SELECT id, part, total, exact, log, note FROM shop.totals ORDER BY id, part')).toEqual([
      ['a', 1, 2, '90071992547409930001', [2], null],
      ['b', 1, 6, '90071992547409930002', [5, 1], null],
      ['b', null, 1, '90071992547409930001', [1], null],
    ]);
    const types = await rowsOf(`SELECT column_name, data_type FROM information_schema.columns
    WHERE table_schema = 'shop' AND table_name = 'totals' ORDER BY ordinal_position`);
    expect(types.map((pair) => pair.join(' '))).toEqual([
      'id text',
      'part integer',
      'total double precision',
      'exact numeric',
      'at timestamp with time zone',
      'log jsonb',
      'note jsonb',
    ]);
  },
);

test('keys of 256 characters, numbers with all of their digits and texts of every kind are kept', async () => {
  const long = '\u{1f6d2}'.repeat(256);
  const odd = `"'\\\n\t{}[],NULL é`;
  const given = [
    change(long, 1),
    change(odd, 0.1),
    change(long, 1e21),
    change(odd, 1.7976931348623157e308),
    change('', 5e-324, { key: 'k' }),
  ];
  expect(await write(openTable(), given, { size: 2 })).toEqual([]);
  expect(await rowsOf('SELECT id, total FROM shop.totals ORDER BY total')).toEqual([
    ['', 5e-324],
    [long, 1e21 + 1],
    [odd, 1.7976931348623157e308],
  ]);
});

test('a key that is too long for an index, and a row that is too large, are dead letters', async () => {
  const Wide = z.object({ id: z.string(), text: z.string() });
  const wide = defineTable({ entry: '', from: Wide, row: Wide, key: ['id'], reduce: (_, { data }) => data });
  const given = [
    { data: { id: 'x'.repeat(2_001), text: '' } },
    { data: { id: 'a', text: 'y'.repeat(128 * 1_024) } },
    { data: { id: 'b', text: '\u0000' } },
    { data: { id: 'x'.repeat(1_900), text: '' } },
  ];
  expect(await write(openTable({ table: wide }), given)).toEqual([
    "0: too-large: the values of the table's key have more than 2000 bytes together: choose a shorter key",
    '1: too-large: the row would have more than 131072 bytes as JSON: keep less in it',
    expect.stringMatching(/^2: refused: unsupported Unicode escape sequence \(SQLSTATE 22P05\)$/),
  ]);
  expect(await rowsOf('SELECT count(*)::int FROM shop.totals')).toEqual([[1]]);
});

test('an event that does not fit, whose reducer throws, or whose row does not fit, leaves its row as it was', async () => {
  const given = [
    change('a', 1),
    change('a', 7, { type: 'bad' }),
    change('a', 'one'),
    change('a', Number.MAX_VALUE),
    change('a', Number.MAX_VALUE),
    change('a', 1, { data: { part: 1, by: 2 } }),
    change('a', 2),
  ];
  expect(await write(openTable(), given)).toEqual([
    '1: transform: reduce threw Error: no 7',
    expect.stringMatching(/^2: schema: the input does not fit its schema: by: /),
    expect.stringMatching(/^4: schema: the row does not fit its schema: total: /),
    expect.stringMatching(/^5: schema: the input does not fit its schema: id: /),
  ]);
  expect(await rowsOf('SELECT id, log FROM shop.totals')).toEqual([['a', [1, Number.MAX_VALUE, 2]]]);
});

test('an event whose row has another key is rejected, and so is one whose key is missing', async () => {
  const Row = z.object({ id: z.string().optional(), n: z.number() });
  const renaming = defineTable({
    entry: '',
    from: Row,
    row: Row,
    key: ['id'],
    reduce: (_, { data: { id, n } }) => ({ id: n === 2 ? 'other' : id, n }),
  });
  const given = [{ data: { id: 'a', n: 1 } }, { data: { id: 'a', n: 2 } }, { data: { n: 3 } }];
  expect(await write(openTable({ table: renaming }), given)).toEqual([
    '1: transform: the row has the key ["other"], and its event ["a"]: reduce must keep id',
    "2: schema: the input has no 'id', which is in the key",
  ]);
  expect(await rowsOf('SELECT id, n FROM shop.totals')).toEqual([['a', 1]]);
});

test('a row has one writer: an event with another key is rejected with how to key the stream', async () => {
  const sink = openTable();
  const given = [
    change('a', 1),
    change('a', 1, { key: 'order 7' }),
    change('b', 1, { key: 'x' }),
    change('b', -1, { key: 'x' }),
  ];
  expect(await write(sink, [...given, change('b', 4, { key: 'y' })])).toEqual([
    `1: refused: the row ["a",1] is written by events with the key 'a', and this event has the key 'order 7': key the stream so that all events of a row have the same key, by fields of the table's key`,
  ]);
  expect(
    await write(
      sink,
      [change('a', 1, { key: 'order 8' }), change('b', -4, { key: 'y' }), change('b', 9, { key: 'x' })],
      { previous: 1 },
    ),
  ).toEqual([expect.stringMatching(/^0: refused: the row \["a",1\] is written by events with the key 'a'/)]);
  expect(await rowsOf()).toEqual([
    ['a', 1],
    ['b', 9],
  ]);
});

test('two shards that make the same row at once never mix their events: the second one fails and then sees the row', async () => {
  await write(openTable(), [change('z', 1)]);
  const other = openTable();
  const ofOther = () => write(other, [change('a', 10, { key: 'other' })], { shard: 'shard 2' });
  await client.query(`CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS
    'BEGIN PERFORM pg_advisory_xact_lock_shared(1); RETURN NULL; END'`);
  await client.query('CREATE TRIGGER wait AFTER INSERT ON shop."totals state 1" EXECUTE FUNCTION wait()');
  await client.query('SELECT pg_advisory_lock(1)');
  const events = logOf([change('a', 1, { key: 'one' })]);
  const first = openTable().write(sliceOf({ step: 'shop/totals', shard: 'shard 1', events }));
  await waitingForLocks(1);
  const second = ofOther();
  second.catch(() => undefined);
  await waitingForLocks(2);
  await client.query('SELECT pg_advisory_unlock(1)');
  expect(await first).toEqual([]);
  await expect(second).rejects.toThrow('wrote a row of "shop"."totals state 1" at the same time');
  expect(await ofOther()).toEqual([expect.stringContaining(`is written by events with the key 'one'`)]);
  expect(await rowsOf()).toEqual([
    ['a', 1],
    ['z', 1],
  ]);
});

/** Resolves when so many transactions wait for locks. */
async function waitingForLocks(count: number): Promise<void> {
  const waiting = `SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()`;
  while (((await client.query(waiting)).rowCount ?? 0) < count) await delay(10);
}

test('rows that a constraint of the user rejects become dead letters of the events that made them, and no others', async () => {
  const sink = openTable();
  await write(sink, [change('a', 1)]);
  await client.query('ALTER TABLE shop."totals state 1" ADD CONSTRAINT small CHECK (total < 100)');
  const given = Array.from({ length: 60 }, (_, n) => change(`k${n % 4}`, n % 20 === 13 ? 100 : 1));
  const rejected = await write(sink, given, { previous: 1 });
  expect(rejected.map((line) => line.replace(/new row.*/, '…'))).toEqual([
    '13: refused: …',
    '33: refused: …',
    '53: refused: …',
  ]);
  expect(rejected[0]).toContain('violates check constraint "small" (SQLSTATE 23514)');
  expect(await rowsOf()).toEqual([
    ['a', 1],
    ['k0', 15],
    ['k1', 12],
    ['k2', 15],
    ['k3', 15],
  ]);
});

test('a repeated batch, and twins at once, count once', async () => {
  const given = [change('a', 1), change('b', 2)];
  const sinks = [openTable(), openTable(), openTable()];
  const ends = await Promise.allSettled(sinks.map((sink) => write(sink, given)));
  expect(ends.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
  for (const end of ends) if (end.status === 'rejected') expect(end.reason).toBeInstanceOf(StaleCheckpoint);
  await expect(write(openTable(), given)).rejects.toThrow(StaleCheckpoint);
  expect(await rowsOf()).toEqual([
    ['a', 1],
    ['b', 2],
  ]);
});

test('a process or a connection that ends between rows and position leaves neither', async () => {
  const sink = openTable();
  const events = logOf([change('a', 1)]);
  const slice = sliceOf({ step: 'shop/totals', events });
  const dying = {
    ...slice,
    progress: () => {
      throw new Error('out of memory');
    },
  };
  await expect(sink.write(dying)).rejects.toThrow('out of memory');
  const cut = {
    ...slice,
    pages: (async function* () {
      yield events;
      await client.query(
        `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'millrace shop/totals'`,
      );
    })(),
  };
  await expect(sink.write(cut)).rejects.toThrow();
  expect(await rowsOf()).toEqual([]);
  expect(await sink.loadProgress?.('shard', new AbortController().signal)).toBeUndefined();
  expect(await write(sink, [change('a', 1)])).toEqual([]);
  expect(await rowsOf()).toEqual([['a', 1]]);
});

test('anybody who is granted SELECT may read the view, and a batch adds nothing to what is granted', async () => {
  await write(openTable(), [change('a', 1)]);
  await client.query(`CREATE ROLE reader_${database} LOGIN PASSWORD '${server.password}'`);
  const read = async () => {
    await client.query(`SET ROLE reader_${database}`);
    return rowsOf().finally(() => client.query('RESET ROLE'));
  };
  await expect(read()).rejects.toThrow('permission denied for view totals');
  await client.query(`GRANT SELECT ON shop.totals TO reader_${database}`);
  expect(await read()).toEqual([['a', 1]]);
});

test.each([
  ['table', 'CREATE TABLE shop.totals (id int)'],
  ['view', 'CREATE VIEW shop.totals AS SELECT 1 AS id'],
])("a %s of the user's own with the table's name is refused, and stays", async (_, statement) => {
  await client.query(`CREATE SCHEMA shop; ${statement}`);
  await expect(write(openTable(), [change('a', 1)])).rejects.toThrow(
    '"shop"."totals" exists in the database and is not the view of table shop/totals: rename it',
  );
  expect(
    await rowsOf(`SELECT to_regclass('shop.totals') IS NOT NULL, to_regclass('shop."totals state 1"') IS NULL`),
  ).toEqual([[true, true]]);
});

test('a user who may not make the schema is told which GRANT is missing', async () => {
  const user = `poor_${database}`;
  await client.query(
    `CREATE ROLE ${user} LOGIN PASSWORD '${server.password}'; GRANT CREATE ON SCHEMA public TO ${user}`,
  );
  const sink = openTable({ user });
  await expect(write(sink, [change('a', 1)])).rejects.toThrow(`GRANT CREATE ON DATABASE "${database}" TO "${user}"`);
  await client.query('CREATE SCHEMA shop');
  await expect(write(sink, [change('a', 1)])).rejects.toThrow(`GRANT USAGE, CREATE ON SCHEMA "shop" TO "${user}"`);
  await client.query(`GRANT USAGE, CREATE ON SCHEMA shop TO ${user}`);
  expect(await write(sink, [change('a', 1)])).toEqual([]);
});

test('a state that somebody dropped is not made anew, and a view that somebody dropped is', async () => {
  await write(openTable(), [change('a', 1)]);
  await client.query('DROP VIEW shop.totals');
  await write(openTable(), [change('a', 1)], { previous: 1 });
  expect(await rowsOf()).toEqual([['a', 2]]);
  const sink = openTable();
  await write(sink, [change('a', 1)], { previous: 2 });
  await client.query('DROP TABLE shop."totals state 1" CASCADE');
  for (const each of [sink, openTable()])
    await expect(write(each, [change('a', 1)], { previous: 3 })).rejects.toThrow(
      'the state of table shop/totals ("shop"."totals state 1") is gone, and the step has read its stream',
    );
});

test('other columns or another key are refused with what changed, and another step name starts afresh', async () => {
  await write(openTable(), [change('a', 1)]);
  const row = Total.extend({ total: z.int32(), more: z.string() });
  const changed = defineTable({
    entry: '',
    from: Change,
    row,
    key: ['id', 'part'],
    reduce: (_, { data: { id, part, by } }) => ({ id, part, total: by, exact: '1', at: AT, log: [], more: 'x' }),
  });
  await expect(write(openTable({ table: changed }), [change('a', 1)], { previous: 1 })).rejects.toThrow(
    /have changed since its state was made \(total was double precision not null and is integer not null; more was missing and is text not null\)/,
  );
  const step = 'shop/totals_2';
  expect(await write(openTable({ table: changed, step }), [change('a', 4)], { step })).toEqual([]);
  expect(await rowsOf('SELECT id, total, more FROM shop.totals_2')).toEqual([['a', 4, 'x']]);
});

test('a renamed step takes rows and position over, and the former step can commit nothing more', async () => {
  const former = openTable();
  await write(former, [change('a', 1)]);
  const step = 'shop/sums';
  const renamed = openTable({ step, formerly: 'shop/totals' });
  const { signal } = new AbortController();
  expect(await renamed.loadProgress?.('incarnation/shardId-0', signal)).toEqual(undefined);
  await expect(write(former, [change('a', 10)], { previous: 1 })).rejects.toThrow('is gone');
  expect(await write(renamed, [change('a', 1)], { step })).toEqual([]);
  expect(await rowsOf('SELECT id, total FROM shop.sums')).toEqual([['a', 2]]);
  expect(await rowsOf(`SELECT to_regclass('shop.totals') IS NULL`)).toEqual([[true]]);
});

test.each([1, 2, 3])(
  'at every position a table equals the fold of its log, in Postgres and in the kit (seed %i)',
  async (seed) => {
    const random = seededRandom(seed);
    const below = (count: number): number => Math.floor(random() * count);
    const given = Array.from({ length: 300 }, (_, n): Given => {
      const id = `k${below(6)}`;
      const type = below(12) === 0 ? 'bad' : 'thing.happened';
      return change(id, below(5) - 2, {
        part: [null, 1][below(2)] ?? null,
        type,
        key: below(15) === 0 ? 'other' : id,
        note: n,
      });
    });
    const real = openTable();
    const model = createTables();
    const kit = model
      .tableStep(totals, async (_, work) => work())
      .open({ step: 'shop/totals', options: undefined, resources: {} });
    const truth = new Map<string, { key: string | undefined; total: number }>();
    const bad: number[] = [];
    const events = logOf(given);
    for (let start = 0, previous = 0; start < given.length; previous++) {
      const end = Math.min(given.length, start + 1 + below(40));
      for (const [offset, { key, type, data }] of given.slice(start, end).entries()) {
        const { id, part, by } = data as z.infer<typeof Change>;
        const before = truth.get(`${id} ${part}`);
        const total = (before?.total ?? 0) + by;
        if (type === 'bad' || (before !== undefined && before.key !== key)) bad.push(start + offset);
        else if (total === 0) truth.delete(`${id} ${part}`);
        else truth.set(`${id} ${part}`, { key, total });
      }
      const slice = () => sliceOf({ step: 'shop/totals', events: events.slice(start, end), previous, pageSize: 9 });
      const rejected = await real.write(slice());
      expect(await kit.write(slice())).toEqual(rejected);
      expect(rejected.map(({ at }) => events.findIndex(({ position }) => position === at))).toEqual(
        bad.filter((n) => n >= start),
      );
      const rows = await client.query('SELECT to_json(t) AS row FROM shop.totals t');
      const byKey = (all: readonly unknown[]) =>
        new Map((all as z.infer<typeof Total>[]).map((row) => [`${row.id} ${row.part}`, row]));
      const found = byKey(rows.rows.map(({ row }) => row));
      expect(new Map([...found].map(([key, { total }]) => [key, total]))).toEqual(
        new Map([...truth].map(([key, { total }]) => [key, total])),
      );
      expect(byKey(model.rows('shop.totals'))).toEqual(found);
      start = end;
    }
  },
);
