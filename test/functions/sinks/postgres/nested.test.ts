import fc from 'fast-check';
import type pg from 'pg';
import { describe, expect, test } from 'vitest';
import type { OpenSink } from '../../../../functions/runtime/sink.ts';
import { postgresDefinition } from '../../../../functions/sinks/postgres/postgres.ts';
import { logOf, sliceOf } from '../../../contracts/slices.ts';
import { client, database, server, useFreshDatabases } from './fresh-database.ts';

useFreshDatabases();

const TYPES = `
  CREATE TYPE mood AS ENUM ('good', 'very good', 'so "so"');
  CREATE DOMAIN small AS int CHECK (value < 100);
  CREATE DOMAIN smaller AS small CHECK (value < 10);
  CREATE DOMAIN must AS text NOT NULL;
  CREATE DOMAIN words AS text[] CHECK (cardinality(value) < 4);
  CREATE DOMAIN document AS jsonb;
  CREATE DOMAIN page AS document;
  CREATE TYPE inner_part AS (n smaller, label text, moods mood[], doc page);
  CREATE DOMAIN part AS inner_part CHECK ((value).label IS DISTINCT FROM 'bad');
  CREATE TYPE "Outer Part" AS (one inner_part, "many ""parts""" part[], at timestamptz, amounts numeric(6, 2)[]);
  CREATE DOMAIN whole AS "Outer Part"`;

const text = fc.oneof(
  {
    weight: 8,
    arbitrary: fc
      .constantFrom('a', 'NULL', 'null', '', ' ', 'a,b', '{', '}', '{}', '()', 'a;b')
      .map((a) => JSON.stringify(a)),
  },
  {
    weight: 6,
    arbitrary: fc
      .constantFrom('"', '\\', '\\"', '""', "it's", '\t', '\n', '\r', '\\.', '\\N', 'é😀')
      .map((a) => JSON.stringify(a)),
  },
  {
    weight: 3,
    arbitrary: fc.constantFrom('null', '1', '1.50', 'true', '{"a" : [1, "x"]}', '"\\u0061\\u00e9"', '"\\u000a"'),
  },
  { weight: 1, arbitrary: fc.constantFrom('"\\u0000"', '"\\ud800"', '[1]') },
);
const mood = fc.constantFrom('"good"', '"very good"', '"so \\"so\\""', '"g\\u006fod"', 'null', '"bad"');
const anyJson = fc.jsonValue({ maxDepth: 2, stringUnit: 'grapheme' }).map((value) => JSON.stringify(value, null, 1));
const part = objectOf({
  n: fc.constantFrom('1', '5', '"6"', 'null', '50'),
  label: text,
  moods: listOf(mood),
  doc: anyJson,
  unknown: fc.constantFrom('1', '[{}]'),
});
const outer = objectOf({
  one: part,
  'many "parts"': listOf(part),
  at: fc.constantFrom('"2026-11-22T10:00:00Z"', 'null', '"never"'),
  amounts: listOf(fc.constantFrom('1.005', '2', 'null')),
});

/** The columns, and what an event is likely to have for each. `json_populate_record` is the measure for all of it. */
const COLUMNS: Readonly<Record<string, readonly [type: string, value: fc.Arbitrary<string>]>> = {
  texts: ['text[]', listOf(text)],
  whole_numbers: [
    'int[]',
    listOf(fc.constantFrom('1', '-7', '2147483647', '2147483648', '1.5', 'null', '"12"', 'true')),
  ],
  doubles: ['float8[]', listOf(fc.constantFrom('1e400', '0.1', '-1.50', '"NaN"', 'null'))],
  cents: ['numeric(6, 2)[]', listOf(fc.constantFrom('1.005', '99999', '12345.678901', 'null'))],
  flags: ['boolean[]', listOf(fc.constantFrom('true', 'false', '"yes"', '1', 'null'))],
  moods: ['mood[]', listOf(mood)],
  smalls: ['smaller[]', listOf(fc.constantFrom('1', '2', '9', '10', '"3"', 'null'))],
  musts: ['must[]', listOf(fc.constantFrom('"a"', '""', '1', 'null'))],
  times: ['timestamptz[]', listOf(fc.constantFrom('"2026-11-22T10:00:00Z"', '"2026-02-30"', 'null'))],
  boxes: ['box[]', listOf(fc.constantFrom('"(1,1),(0,0)"', '"(2,3),(1,1)"', 'null'))],
  short: ['varchar(3)[]', listOf(fc.constantFrom('"abc"', '"abcd"', '"é"', '""'))],
  documents: ['jsonb[]', listOf(anyJson)],
  texts_of_json: ['json[]', listOf(anyJson)],
  pages: ['page[]', listOf(anyJson)],
  words: ['words', listOf(text)],
  page: ['page', anyJson],
  part: ['part', part],
  parts: ['inner_part[]', listOf(part)],
  outer_part: ['"Outer Part"', outer],
  outer_parts: ['whole[]', listOf(outer)],
};

/** A list, mostly of one dimension; and what is no list, or an uneven one. */
function listOf(element: fc.Arbitrary<string>): fc.Arbitrary<string> {
  const joined = (arrays: fc.Arbitrary<readonly string[]>) => arrays.map((parts) => `[${parts.join(' , ')}]`);
  const list = joined(fc.array(element, { maxLength: 3 }));
  const even = fc.integer({ min: 0, max: 2 }).chain((length) => {
    const inner = joined(fc.array(element, { minLength: length, maxLength: length }));
    return joined(fc.array(inner, { minLength: 1, maxLength: 2 }));
  });
  return fc.oneof(
    { weight: 12, arbitrary: list },
    { weight: 3, arbitrary: even },
    {
      weight: 2,
      arbitrary: fc.constantFrom(
        '{}',
        '[]',
        '[[]]',
        '[[],[]]',
        '[[[]],[]]',
        '[[1],[]]',
        '[[],[1]]',
        '[[1],2]',
        '[1,[2]]',
      ),
    },
    {
      weight: 1,
      arbitrary: fc.constantFrom('null', '7', 'true', '"{a,b}"', '"{"', '""', '[[[[[[[1]]]]]]]', '[[[[[["a"]]]]]]'),
    },
  );
}

function objectOf(fields: Readonly<Record<string, fc.Arbitrary<string>>>): fc.Arbitrary<string> {
  const members = Object.entries(fields).map(([name, value]) =>
    value.map((json) => `${JSON.stringify(name)} : ${json}`),
  );
  const object = fc
    .tuple(...members.map((member) => fc.option(member, { freq: 4, nil: undefined })))
    .map((found) => `{${found.filter((member) => member !== undefined).join(' , ')}}`);
  return fc.oneof(
    { weight: 12, arbitrary: object },
    { weight: 1, arbitrary: fc.constantFrom('null', '[]', '1', '""', '"(1,a,,)"') },
  );
}

function open(table: string, key?: readonly string[]): OpenSink {
  const { host, port, user, password } = server;
  return postgresDefinition.open({
    step: `test/${table}`,
    formerly: undefined,
    options: postgresDefinition.options.parse({ table, ...(key && { key }) }),
    resources: postgresDefinition.resources.parse({ host, port, database, user, tls: 'off', auth: { password } }),
  });
}

/** Writes rows of JSON, and resolves to the messages of those that are rejected. */
async function write(sink: OpenSink, rows: readonly string[], previous = 0): Promise<readonly string[]> {
  const events = logOf(rows.map((json) => ({ data: undefined, json })));
  return (await sink.write(sliceOf({ events, previous }))).map(({ message }) => message);
}

describe('a list or an object in the data', () => {
  test('fills arrays and composite types as json_populate_record does, or is rejected when that rejects it', async () => {
    await client.query(TYPES);
    const columns = Object.entries(COLUMNS).map(([name, [type]]) => `${name} ${type}`);
    await client.query(
      `CREATE TABLE appended (n int, ${columns}); CREATE TABLE upserted (n int PRIMARY KEY, ${columns})`,
    );
    const sinks = [open('appended'), open('upserted', ['n'])];
    const taken = new Map<string, number>();
    const one = fc.oneof(...Object.entries(COLUMNS).map(([name, [, value]]) => value.map((json) => ({ name, json }))));
    let previous = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(one, { minLength: 40, maxLength: 60 }), async (given) => {
        await client.query('TRUNCATE appended, upserted');
        const rows = given.map(({ name, json }, n) => `{"n":${n},"${name}":${json}}`);
        const expected: (string | undefined)[] = [];
        for (const row of rows) expected.push(await byPostgres(row));
        for (const sink of sinks) await write(sink, rows, previous);
        previous += 1;
        expect(await writtenInto('appended', rows)).toEqual(expected);
        expect(await writtenInto('upserted', rows)).toEqual(expected);
        for (const [n, { name }] of given.entries())
          if (expected[n] !== undefined) taken.set(name, (taken.get(name) ?? 0) + 1);
      }),
      { numRuns: 25 },
    );
    // Columns that take nothing would prove nothing.
    expect(Object.keys(COLUMNS).filter((name) => (taken.get(name) ?? 0) < 5)).toEqual([]);
  });

  test('is rejected when it is {} where a list belongs, or a list where an object belongs', async () => {
    await client.query('CREATE TYPE point2 AS (x int, y int); CREATE TABLE t (tags text[], at point2)');
    const rows = ['{"tags":{}}', '{"tags":7}', '{"at":[]}', '{"at":true}', '{"tags":[["a"],"b"]}', '{"at":{"x":[]}}'];
    expect(await write(open('t'), rows)).toEqual([
      'column tags: expected JSON array (SQLSTATE 22P02)',
      'column tags: expected JSON array (SQLSTATE 22P02)',
      'column at: expected JSON object (SQLSTATE 22023)',
      'column at: expected JSON object (SQLSTATE 22023)',
      'column tags: expected JSON array (SQLSTATE 22P02)',
      'column at: invalid input syntax for type integer: "[]" (SQLSTATE 22P02)',
    ]);
  });

  test('is written in the order of the log beside rows that Postgres rejects', async () => {
    await client.query("CREATE TYPE mood AS ENUM ('good'); CREATE TABLE t (n int, moods mood[])");
    const rows = Array.from({ length: 50 }, (_, n) => `{"n":${n},"moods":["good","${n % 7 === 0 ? 'bad' : 'good'}"]}`);
    expect(await write(open('t'), rows)).toHaveLength(8);
    const { rows: written } = await client.query('SELECT n, moods::text FROM t ORDER BY ctid');
    expect(written).toEqual(
      Array.from({ length: 50 }, (_, n) => ({ n, moods: '{good,good}' })).filter(({ n }) => n % 7 !== 0),
    );
  });

  test('is rejected when its quotes would make more than 32 MiB of a text', async () => {
    await client.query(
      'CREATE TYPE a AS (t text); CREATE TYPE b AS (a a[]); CREATE TYPE c AS (b b[]); CREATE TABLE t (c c[])',
    );
    const quotes = JSON.stringify('"'.repeat(1024 * 1024));
    const [message] = await write(open('t'), [`{"c":[{"b":[{"a":[{"t":${quotes}}]}]}]}`]);
    expect(message).toBe('column c: the list or composite value would take more than 32 MiB (SQLSTATE 54000)');
  });

  test('fills an attribute that a composite type got while the connection lives', async () => {
    await client.query('CREATE TYPE point2 AS (x int); CREATE TABLE t (at point2, ats point2[])');
    const sink = open('t');
    const row = '{"at":{"x":1,"y":2},"ats":[{"x":3,"y":4}]}';
    expect(await write(sink, [row])).toEqual([]);
    await client.query('ALTER TYPE point2 ADD ATTRIBUTE y int');
    expect(await write(sink, [row], 1)).toEqual([]);
    const { rows } = await client.query('SELECT at::text, ats::text FROM t ORDER BY ctid');
    expect(rows).toEqual([
      { at: '(1,)', ats: '{"(3,)"}' },
      { at: '(1,2)', ats: '{"(3,4)"}' },
    ]);
  });
});

/** Returns the row that the table has for each of the written ones; undefined where it was rejected. */
async function writtenInto(table: string, rows: readonly string[]): Promise<readonly (string | undefined)[]> {
  const written = await client.query<{ n: number; row: string }>(`SELECT n, ${table}::text AS row FROM ${table}`);
  return rows.map((_, n) => written.rows.find((row) => row.n === n)?.row);
}

/** Undefined when Postgres rejects the row. */
async function byPostgres(json: string): Promise<string | undefined> {
  try {
    const { rows } = await client.query(
      'SELECT json_populate_record(NULL::appended, $1::json)::appended::text AS row',
      [json],
    );
    return rows[0].row;
  } catch (error) {
    expect((error as pg.DatabaseError).code).toMatch(/^(22|23|54)/);
    return undefined;
  }
}
