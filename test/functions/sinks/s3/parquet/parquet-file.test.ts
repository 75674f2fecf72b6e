import { once } from 'node:events';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import type { ReceivedEvent } from '../../../../../functions/runtime/event.ts';
import type { PlannedFile } from '../../../../../functions/sinks/s3/files.ts';
import { lineOf } from '../../../../../functions/sinks/s3/lines.ts';
import type { S3Options } from '../../../../../functions/sinks/s3/options.ts';
import { parquetColumnsOf } from '../../../../../functions/sinks/s3/parquet/columns.ts';
import { openDuckDb } from '../../../../../functions/sinks/s3/parquet/duckdb.ts';
import { parquetColumnsOfVersions } from '../../../../../functions/sinks/s3/parquet/grown-columns.ts';
import { parquetFiles } from '../../../../../functions/sinks/s3/parquet/parquet-file.ts';
import { type Statements, statementsFor } from '../../../../../functions/sinks/s3/parquet/statements.ts';
import { type Given, logOf } from '../../../../contracts/slices.ts';
import { noDeadline } from '../../../../eventually.ts';
import { askParquet } from '../../../../kit/parquet.ts';

/** Which of the two ways is taken: a way that is not allowed fails. */
type Way = 'either' | 'as it is' | 'exact';

interface How {
  readonly way?: Way;
  readonly lines?: S3Options['lines'];
  readonly statement?: string;
  /** The versions of the schema before. */
  readonly older?: readonly z.ZodType[];
}

/** Writes events into a file, and asks DuckDB for its rows. */
async function written(schema: z.ZodType, events: readonly ReceivedEvent[], how: How = {}) {
  const { way = 'either', lines = 'data', older = [], statement } = how;
  const columns = parquetColumnsOfVersions([...older, schema], { by: 'month', lines });
  const { body, rejections } = await parquetFiles(
    columns,
    lines,
    only(way, statementsFor(columns, lines)),
  )(fileOf(events, lines), noDeadline());
  return {
    rows: await askParquet(new Map([['file', body]]), statement),
    rejected: rejections.map(({ message }) => message),
    rejections,
    body,
  };
}

function fileOf(events: readonly ReceivedEvent[], lines: S3Options['lines']): PlannedFile {
  return { key: 'file', events, lines: events.map((event) => lineOf(event, lines)), bytes: 0 };
}

function only(way: Way, { asTheyAre, exact }: Statements): Statements {
  if (way === 'exact') return { asTheyAre: undefined, exact };
  if (way === 'either') return { asTheyAre, exact };
  return { asTheyAre, exact: () => 'an exact statement was needed' };
}

const json = (...texts: readonly string[]) => logOf(texts.map((text): Given => ({ data: undefined, json: text })));

const Order = z.object({
  id: z.int(),
  status: z.string(),
  day: z.iso.date(),
  at: z.iso.datetime(),
  paid: z.boolean(),
  amount: z.number().meta({ sql: 'numeric(12, 2)' }),
  weight: z.number(),
  tags: z.array(z.string()),
  counts: z.object({ a: z.int32(), b: z.boolean() }),
});

const ORDER = {
  id: 12,
  status: 'PAID',
  day: '2026-01-31',
  at: '2026-01-31T10:00:00.123Z',
  paid: true,
  amount: 12.5,
  weight: 0.1,
  tags: ['a', 'é"\n'],
  counts: { a: 1, b: false },
};

const ORDER_ROW = {
  ...ORDER,
  id: '12',
  at: '2026-01-31 10:00:00.123+00',
  amount: '12.50',
};

describe('a Parquet file', () => {
  test.each(['as it is', 'exact'] as const)('holds the values of the events (%s)', async (way) => {
    const events = logOf([{ data: ORDER }, { data: { ...ORDER, id: 13, day: null, tags: null } }, { data: {} }]);
    const { rows, rejected } = await written(Order, events, { way });
    const nothing = Object.fromEntries(Object.keys(ORDER).map((name) => [name, null]));
    expect(rejected).toEqual([]);
    expect(rows).toEqual([ORDER_ROW, { ...ORDER_ROW, id: '13', day: null, tags: null }, nothing]);
  });

  test('says its types to every reader: decimals, times in UTC, lists and structs, compressed with zstd', async () => {
    const { rows } = await written(Order, logOf([{ data: ORDER }]), { statement: 'DESCRIBE SELECT * FROM $files' });
    expect(rows.map(({ column_name, column_type }) => `${column_name} ${column_type}`)).toEqual([
      'id BIGINT',
      'status VARCHAR',
      'day DATE',
      'at TIMESTAMP WITH TIME ZONE',
      'paid BOOLEAN',
      'amount DECIMAL(12,2)',
      'weight DOUBLE',
      'tags VARCHAR[]',
      'counts STRUCT(a INTEGER, b BOOLEAN)',
    ]);
    const statement = 'SELECT DISTINCT compression FROM parquet_metadata($paths)';
    const { body } = await written(Order, logOf([{ data: ORDER }]));
    expect(await askParquet(new Map([['f', body]]), statement)).toEqual([{ compression: 'ZSTD' }]);
  });

  test('has the attributes of each event beside its data, those of a deletion too', async () => {
    const events = logOf([
      { type: 'order.placed', data: { n: 1 } },
      { type: 'order.deleted', data: null },
    ]);
    const { rows, rejected } = await written(z.object({ n: z.int() }), events, { lines: 'event' });
    expect(rejected).toEqual([]);
    expect(rows).toEqual(
      events.map(({ id, source, type, key, sequence }, index) => ({
        event_id: id,
        event_source: source,
        event_type: type,
        event_time: expect.stringMatching(/^2026-11-22 .*\+00$/),
        event_key: key,
        event_sequence: sequence ?? null,
        n: index === 0 ? '1' : null,
      })),
    );
  });

  test('keeps every digit of a decimal and of a large whole number, and JSON as it came', async () => {
    const schema = z.object({ d: z.number().meta({ sql: 'numeric(38, 18)' }), n: z.int(), j: z.json() });
    const { rows } = await written(
      schema,
      json('{"d":12345678901234567890.123456789012345678,"n":9007199254740993,"j":{"b" : 1.000000000000000000001}}'),
    );
    expect(rows).toEqual([
      { d: '12345678901234567890.123456789012345678', n: '9007199254740993', j: '{"b" : 1.000000000000000000001}' },
    ]);
  });

  test('rejects a value that its column cannot hold, with the field and the value, and keeps the other events', async () => {
    const good = logOf([{ data: ORDER }])[0] as ReceivedEvent;
    const bad: readonly (readonly [object, string])[] = [
      [{ id: 1.5 }, 'id: 1.5 is not a whole number of 64 bits'],
      [{ id: 1e20 }, 'id: 100000000000000000000 is not a whole number of 64 bits'],
      [{ id: 'twelve' }, 'id: "twelve" is not a whole number of 64 bits'],
      [{ id: true }, 'id: true is not a whole number of 64 bits'],
      [{ day: '2026-02-30' }, 'day: "2026-02-30" is not a date such as 2026-01-31'],
      [{ day: '2026-01-31T10:00:00Z' }, 'day: "2026-01-31T10:00:00Z" is not a date such as 2026-01-31'],
      [{ at: 'soon' }, 'at: "soon" is not an RFC 3339 time such as 2026-01-31T10:00:00Z'],
      [{ at: '2026-01-31' }, 'at: "2026-01-31" is not an RFC 3339 time such as 2026-01-31T10:00:00Z'],
      [{ paid: 1 }, 'paid: 1 is not true or false'],
      [{ amount: 99999999999 }, 'amount: 99999999999 is not a number of numeric(12, 2)'],
      [{ weight: {} }, 'weight: {} is not a number that a double holds'],
      [{ weight: 'nan' }, 'weight: "nan" is not a number that a double holds'],
      [{ weight: true }, 'weight: true is not a number that a double holds'],
      [{ tags: 'a' }, 'tags: "a" is not a list'],
      [{ counts: [] }, 'counts: [] is not an object'],
      [{ counts: { a: 3e9 } }, 'counts.a: 3000000000 is not a whole number of 32 bits'],
    ];
    for (const [change, message] of bad) {
      const events = logOf([{ data: ORDER }, { data: { ...ORDER, ...change } }, { data: { ...ORDER, id: 14 } }]);
      const { rows, rejected, rejections } = await written(Order, events);
      expect(rejected).toEqual([message]);
      expect(rejections).toMatchObject([{ at: events[1]?.position, reason: 'refused', bytes: events[1]?.bytes }]);
      expect(rows).toEqual([ORDER_ROW, { ...ORDER_ROW, id: '14' }]);
    }
    expect(good.data).toEqual(ORDER);
  });

  test('rejects half of a surrogate pair, infinite numbers and data that is no object', async () => {
    const schema = z.object({ t: z.string(), n: z.number() });
    const { rows, rejected } = await written(
      schema,
      json('{"t":"\\ud800"}', '{"n":1e400}', '[1]', '5', '{"other":"\\ud800","t":"x"}'),
    );
    expect(rejected).toEqual([
      't: "\\ud800" is not well-formed Unicode',
      'n: 1e400 is not a number that a double holds',
      'data: is not an object',
      'data: is not an object',
    ]);
    expect(rows).toEqual([{ t: 'x', n: null }]);
  });

  test('is written without a row when all of its events are rejected', async () => {
    const { rows, rejected } = await written(Order, logOf([{ data: { id: 'x' } }, { data: 5 }]));
    expect([rows, rejected.length]).toEqual([[], 2]);
  });

  test('has one column of JSON for data that is no object', async () => {
    const { rows } = await written(z.union([z.string(), z.int()]), json('"a"', '5', '{"a": 1}', 'null'));
    expect(rows).toEqual([{ data: '"a"' }, { data: '5' }, { data: '{"a": 1}' }, { data: null }]);
  });

  test('takes the last of equal names, as JSON.parse does', async () => {
    const { rows } = await written(z.object({ n: z.int() }), json('{"n":1,"n":2}'));
    expect(rows).toEqual([{ n: '2' }]);
  });

  test('tells names from each other by their capitals, as JSON does', async () => {
    const { rows } = await written(z.object({ n: z.int() }), json('{"N":1}', '{"n":2,"N":1}'));
    expect(rows).toEqual([{ n: null }, { n: '2' }]);
  });

  test('may have names and texts that SQL would read as its own', async () => {
    const schema = z.object({ "it's": z.string(), 'a "b"': z.object({ 'c\'"': z.string() }), select: z.string() });
    const data = { "it's": "'; DROP", 'a "b"': { 'c\'"': 'x' }, select: '$1 \u0000' };
    for (const way of ['as it is', 'exact'] as const)
      expect((await written(schema, logOf([{ data }]), { way })).rows).toEqual([data]);
  });

  test('stops when the signal aborts, and DuckDB goes on to work after that', async () => {
    const columns = parquetColumnsOf(Order, { by: 'month', lines: 'data' });
    const events = logOf(Array.from({ length: 2_000 }, () => ({ data: ORDER })));
    const file = fileOf(events, 'data');
    const ending = new AbortController();
    const stopped = parquetFiles(columns, 'data')(file, ending.signal);
    ending.abort(new Error('the invocation ends'));
    await expect(stopped).rejects.toThrow('the invocation ends');
    const { body } = await parquetFiles(columns, 'data')(file, noDeadline());
    expect(await askParquet(new Map([['f', body]]), 'SELECT count(*) AS n FROM $files')).toEqual([{ n: '2000' }]);
  });
});

describe('reading lines as they are', () => {
  const ODD = [
    ...['0', '1', '-1', '1.5', '2.0', '1e3', '1E-3', '-0', '1e400', '9007199254740993', '12345678901234567890'],
    ...[
      '0.30000000000000004',
      '1.005',
      '99999999999.99',
      '2147483648',
      '123456789012345678.91',
      'true',
      'false',
      'null',
    ],
    ...['"12"', '"007"', '"1_000"', '" 1.5 "', '"1.5"', '"nan"', '"inf"', '"true"', '"TRUE"', '"t"', '""', '"é\\n"'],
    ...[
      '"2026-01-31"',
      '"2026-1-31"',
      '"2026-02-30"',
      '"0000-01-01"',
      '"infinity"',
      '"epoch"',
      '"2026-01-31 10:00:00Z"',
    ],
    ...['"2026-01-31T10:00:00Z"', '"2026-01-31T10:00:00.123456789Z"', '"2026-01-31T10:00:00+02:00"', '"\\u0000"'],
    ...['"2026-01-31T24:00:00Z"', '"2026-01-31T23:59:60Z"', '"2026-01-31t10:00:00z"', '"2026-01-31T10:00:00"'],
    ...['[]', '[1,"a",null]', '["a"]', '{}', '{"a":1}', '{"a":1.5,"b":true}', '{"a":"2","b":"x"}', '{"A":1}', '[[1]]'],
  ];
  const Odd = z.object({
    text: z.string(),
    flag: z.boolean(),
    int: z.int32(),
    whole: z.int(),
    number: z.number(),
    money: z.number().meta({ sql: 'numeric(12, 2)' }),
    large: z.number().meta({ sql: 'numeric(30, 4)' }),
    day: z.iso.date(),
    at: z.iso.datetime(),
    tags: z.array(z.string()),
    pair: z.object({ a: z.int32(), b: z.boolean() }),
  });
  const names = Object.keys(Odd.shape);

  // DuckDB's casts are lenient. Where they would change a value, its reading of the line has to fail.
  test('gives what reading the event exactly gives, or fails, of any value in any column', async () => {
    const texts = names.flatMap((name) => ODD.map((value) => `{"${name}":${value}}`));
    const events = json(...texts);
    const exact = await written(Odd, events, { way: 'exact' });
    const accepted = events.filter(({ position }) => exact.rejections.every(({ at }) => at !== position));
    const rowOf = new Map(accepted.map(({ position }, index) => [position, exact.rows[index]]));
    const asTheyAre = await readAsTheyAre(events);
    expect(asTheyAre.filter((row) => row !== undefined).length).toBeGreaterThan(texts.length / 5);
    for (const [index, row] of asTheyAre.entries()) {
      const position = events[index]?.position ?? '';
      if (row !== undefined)
        expect({ text: texts[index], row }).toEqual({ text: texts[index], row: rowOf.get(position as never) });
    }
  });

  test('a thread of the process leaves the folder of another as it is', async () => {
    const { folder } = await openDuckDb();
    const module = new URL('../../../../../functions/sinks/s3/parquet/duckdb.ts', import.meta.url);
    const thread = new Worker(
      // It stays: a thread that ends removes its folder.
      `setInterval(() => undefined, 60_000);
       import(${JSON.stringify(module)}).then(async ({ openDuckDb }) =>
         require('node:worker_threads').parentPort.postMessage((await openDuckDb()).folder));`,
      { eval: true },
    );
    try {
      const [itsFolder] = await once(thread, 'message');
      expect(itsFolder).not.toBe(folder);
      expect([folder, itsFolder].map((path) => existsSync(path))).toEqual([true, true]);
    } finally {
      await thread.terminate();
    }
  });

  /** Reads each event alone, with the statement that reads lines as they are. Undefined: the statement fails. */
  async function readAsTheyAre(events: readonly ReceivedEvent[]): Promise<readonly (object | undefined)[]> {
    const { folder, exclusively } = await openDuckDb();
    const from = join(folder, 'one.ndjson');
    const { asTheyAre } = statementsFor(parquetColumnsOf(Odd, { by: 'month', lines: 'data' }), 'data');
    const copy = asTheyAre?.({ from, to: '', longestLine: 100 }) ?? '';
    const [, select = ''] = /^COPY \((.*)\) TO '' \(.*\)$/s.exec(copy) ?? [];
    return exclusively(async (run) => {
      const rows: (object | undefined)[] = [];
      for (const { dataBytes } of events) {
        writeFileSync(from, dataBytes);
        const values = await run(select).then(
          ([row]) => row,
          () => undefined,
        );
        rows.push(values && Object.fromEntries(names.map((name, index) => [name, values[index]])));
      }
      return rows;
    }, noDeadline());
  }
});

test.each(['as it is', 'exact'] as const)('one file holds the events of several versions (%s)', async (way) => {
  const [first, second] = [
    z.object({ id: z.int(), n: z.int32(), o: z.object({ a: z.int32() }), gone: z.string() }),
    z.object({ id: z.int(), n: z.number(), o: z.object({ a: z.int(), b: z.string() }), note: z.string() }),
  ];
  const events = json(
    '{"id":1,"n":1,"o":{"a":1},"gone":"x"}',
    '{"id":2,"n":2.5,"o":{"a":5000000000,"b":"y"},"note":"new"}',
    '{"id":3,"n":3,"o":{"a":3},"gone":"z"}',
  );
  const { rows, rejected } = await written(second, events, {
    way,
    older: [first],
    statement: 'SELECT id::INT AS id, n, o.a::BIGINT::VARCHAR AS a, o.b AS b, note, gone FROM $files ORDER BY id',
  });
  expect(rejected).toEqual([]);
  expect(rows).toEqual([
    { id: 1, n: 1, a: '1', b: null, note: null, gone: 'x' },
    { id: 2, n: 2.5, a: '5000000000', b: 'y', note: 'new', gone: null },
    { id: 3, n: 3, a: '3', b: null, note: null, gone: 'z' },
  ]);
});
