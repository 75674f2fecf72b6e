import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import type { OpenSink } from '../../../../functions/runtime/sink.ts';
import { columnsOf } from '../../../../functions/sinks/postgres/columns.ts';
import { postgresDefinition } from '../../../../functions/sinks/postgres/postgres.ts';
import { logOf, sliceOf } from '../../../contracts/slices.ts';
import { client, database, server, useFreshDatabases } from './fresh-database.ts';

useFreshDatabases();

function open(key: readonly string[] | undefined, create?: z.ZodType): OpenSink {
  const { host, port, user, password } = server;
  const at = { host, port, database, user, tls: 'off', auth: { password } };
  return postgresDefinition.open({
    step: 'test/sink',
    formerly: undefined,
    options: postgresDefinition.options.parse({ table: 't', ...(key && { key }), create: create !== undefined }),
    resources: postgresDefinition.resources.parse({ ...at, ...(create && { columns: columnsOf(create) }) }),
  });
}

async function write(sink: OpenSink, row: unknown, previous: number): Promise<readonly string[]> {
  const rejections = await sink.write(sliceOf({ events: logOf([{ data: row }]), previous }));
  return rejections.map(({ message }) => message);
}

const VALUES: readonly (readonly [change: string, before: string, alter: string, value: unknown, holds: string])[] = [
  ['a numeric with more digits', 'numeric(8, 2)', 'TYPE numeric(12, 4)', 1.2345, '1.2345'],
  ['a double for a real', 'real', 'TYPE double precision', 0.123456789012, '0.123456789012'],
  ['a time for a date', 'date', 'TYPE timestamptz', '2026-11-22T10:11:12Z', '2026-11-22 10:11:12+00'],
  ['a bigint for an integer', 'integer', 'TYPE bigint', 5_000_000_000, '5000000000'],
  ['a numeric for an integer', 'integer', 'TYPE numeric', 1.5, '1.5'],
  ['a longer text', 'varchar(2)', 'TYPE varchar(5)', 'abcde', 'abcde'],
];

describe.each([
  ['an upserting sink', ['id']],
  ['an appending sink', undefined],
] as const)('%s whose connection lives while the table is altered', (_, key) => {
  test('writes into the new types', async () => {
    for (const [, before, alter, value, holds] of VALUES) {
      await client.query(`CREATE TABLE t (id int PRIMARY KEY, v ${before})`);
      const sink = open(key);
      expect(await write(sink, { id: 1, v: null }, 0)).toEqual([]);
      await client.query(`ALTER TABLE t ALTER COLUMN v ${alter}`);
      expect(await write(sink, { id: 2, v: value }, 1)).toEqual([]);
      const { rows } = await client.query(`SELECT v::text FROM t WHERE id = 2`);
      expect(rows).toEqual([{ v: holds }]);
      await client.query('DROP TABLE t; DROP TABLE millrace_progress');
    }
  });

  test('accepts a null after NOT NULL was dropped', async () => {
    await client.query('CREATE TABLE t (id int PRIMARY KEY, v int NOT NULL)');
    const sink = open(key);
    expect(await write(sink, { id: 1, v: null }, 0)).toHaveLength(1);
    await client.query('ALTER TABLE t ALTER COLUMN v DROP NOT NULL');
    expect(await write(sink, { id: 1, v: null }, 1)).toEqual([]);
  });

  test('takes the new default of a column, and of a domain', async () => {
    await client.query(`CREATE DOMAIN mark AS int; CREATE TABLE t (id int PRIMARY KEY, v int NOT NULL, m mark)`);
    const sink = open(key);
    expect(await write(sink, { id: 1 }, 0)).toHaveLength(1);
    await client.query('ALTER TABLE t ALTER COLUMN v SET DEFAULT 7; ALTER DOMAIN mark SET DEFAULT 8');
    expect(await write(sink, { id: 1 }, 1)).toEqual([]);
    expect((await client.query('SELECT v, m FROM t')).rows).toEqual([{ v: 7, m: 8 }]);
  });

  test('writes into a table that was made anew, and creates one that was dropped', async () => {
    const sink = open(key, z.object({ id: z.int32(), v: z.int32() }));
    expect(await write(sink, { id: 1, v: 'x' }, 0)).toHaveLength(1);
    await client.query('DROP TABLE t; CREATE TABLE t (v text, id int PRIMARY KEY)');
    expect(await write(sink, { id: 1, v: 'x' }, 1)).toEqual([]);
    await client.query('DROP TABLE t');
    expect(await write(sink, { id: 2, v: 3 }, 2)).toEqual([]);
    expect((await client.query('SELECT id, v FROM t')).rows).toEqual([{ id: 2, v: 3 }]);
  });

  test('keeps its temporary tables while nobody alters the columns', async () => {
    await client.query('CREATE TABLE t (id int PRIMARY KEY, v int)');
    const sink = open(key);
    const temporary = async () =>
      (await client.query(`SELECT oid FROM pg_class WHERE relname LIKE 'millrace\\_stage%' AND relpersistence = 't'`))
        .rows;
    await write(sink, { id: 1, v: 1 }, 0);
    const first = await temporary();
    expect(first).toHaveLength(key === undefined ? 0 : 1);
    await write(sink, { id: 2, v: 1 }, 1);
    await client.query('ALTER TABLE t ADD CHECK (v < 5)');
    await write(sink, { id: 3, v: 1 }, 2);
    expect(await temporary()).toEqual(first);
  });
});
