import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import type { OpenSink } from '../../../../functions/runtime/sink.ts';
import { columnsOfVersions } from '../../../../functions/sinks/postgres/grown-columns.ts';
import { postgresDefinition } from '../../../../functions/sinks/postgres/postgres.ts';
import { isWider, widestType } from '../../../../functions/sinks/postgres/wider-types.ts';
import { logOf, sliceOf } from '../../../contracts/slices.ts';
import { client, database, server, useFreshDatabases } from './fresh-database.ts';

const TYPES = [
  'integer',
  'bigint',
  'numeric',
  'numeric(12,2)',
  'numeric(14,4)',
  'double precision',
  'date',
  'text',
  'uuid',
];

describe('the widest of two types', () => {
  test.each([
    ['integer', 'bigint', 'bigint'],
    ['bigint', 'double precision', 'double precision'],
    ['bigint', 'numeric(12,2)', 'numeric(21,2)'],
    ['numeric(12,2)', 'numeric(10,4)', 'numeric(14,4)'],
    ['numeric(12,2)', 'numeric', 'numeric'],
    ['date', 'text', 'text'],
    ['numeric', 'double precision', undefined],
    ['integer', 'text', undefined],
    ['timestamptz', 'text', undefined],
  ])('of %s and %s is %s', (one, other, widest) => {
    expect([widestType(one, other), widestType(other, one)]).toEqual([widest, widest]);
  });

  test('holds both, whichever they are', () => {
    for (const one of TYPES)
      for (const other of TYPES) {
        const widest = widestType(one, other);
        if (widest === undefined) continue;
        for (const type of [one, other])
          expect(widest === type || isWider(widest, type), `${one}, ${other}`).toBe(true);
      }
  });
});

describe('the columns of several versions', () => {
  test('are those of the newest, then those that older ones had, each of the widest type', () => {
    const versions = [
      z.object({ id: z.string(), old: z.boolean(), n: z.int32() }),
      z.object({ id: z.string(), n: z.number(), note: z.string() }),
    ];
    expect(columnsOfVersions(versions)).toEqual([
      { name: 'id', type: 'text', nullable: false },
      { name: 'n', type: 'double precision', nullable: false },
      { name: 'note', type: 'text', nullable: true },
      { name: 'old', type: 'boolean', nullable: true },
    ]);
  });

  test('are refused where no column holds the values of all', () => {
    expect(() => columnsOfVersions([z.object({ n: z.int32() }), z.object({ n: z.string() })])).toThrow(
      "field 'n' is integer in one version, and text in another, and no column holds both",
    );
  });
});

useFreshDatabases();

const Order = z.object({ id: z.string(), total: z.int32() });
const Wider = Order.extend({ total: z.number(), note: z.string().optional() });

interface Opened {
  readonly versions: readonly z.ZodType[];
  readonly user?: string;
  readonly evolve?: boolean;
  /** Null: every event adds a row. */
  readonly key?: readonly string[] | null;
}

function open({ versions, user = server.user, evolve = true, key = ['id'] }: Opened): OpenSink {
  const { host, port, password } = server;
  const at = { host, port, database, user, tls: 'off', auth: { password } };
  return postgresDefinition.open({
    step: 'test/sink',
    formerly: undefined,
    options: postgresDefinition.options.parse({ table: 't', ...(key && { key }), create: true, evolve }),
    resources: postgresDefinition.resources.parse({ ...at, columns: columnsOfVersions(versions) }),
  });
}

/** Writes rows in one slice, and returns why some are rejected. */
async function write(
  sink: OpenSink,
  at: number | { readonly shard: string; readonly previous: number },
  rows: readonly unknown[],
): Promise<readonly string[]> {
  const { shard, previous } = typeof at === 'number' ? { shard: 'shard', previous: at } : at;
  const slice = sliceOf({ events: logOf(rows.map((data) => ({ data }))), previous, shard });
  return (await sink.write(slice)).map(({ message }) => message);
}

const types = async () =>
  Object.fromEntries(
    (
      await client.query<{ name: string; type: string }>(
        `SELECT attname AS name, format_type(atttypid, atttypmod) || CASE WHEN attnotnull THEN ' not null' ELSE '' END AS type
           FROM pg_attribute WHERE attrelid = 't'::regclass AND attnum > 0 AND NOT attisdropped AND attname NOT LIKE 'millrace%'`,
      )
    ).rows.map(({ name, type }) => [name, type]),
  );
const rows = async () =>
  (await client.query("SELECT id, total, to_jsonb(t) ->> 'note' AS note FROM t ORDER BY id")).rows;

describe.each([
  ['an upserting sink', ['id']],
  ['an appending sink', null],
] as const)('%s with evolve', (_, key) => {
  const made = (versions: readonly z.ZodType[]) => open({ versions, key });

  test('alters the table in the transaction of the first row that needs it, and not before', async () => {
    await write(made([Order]), 0, [{ id: 'a', total: 1 }]);
    const before = await types();
    const sink = made([Order, Wider]);
    expect(await write(sink, 1, [{ id: 'b', total: 2 }])).toEqual([]);
    expect(await types()).toEqual(before);
    expect(
      await write(sink, 2, [
        { id: 'c', total: 3 },
        { id: 'd', total: 4, note: 'new' },
      ]),
    ).toEqual([]);
    expect(await types()).toEqual({ ...before, note: 'text' });
    expect(
      await write(sink, 3, [
        { id: 'e', total: 1.5 },
        { id: 'f', total: 2 },
      ]),
    ).toEqual([]);
    expect(await types()).toMatchObject({ total: expect.stringMatching(/^double precision/), note: 'text' });
    expect(await rows()).toEqual([
      { id: 'a', total: 1, note: null },
      { id: 'b', total: 2, note: null },
      { id: 'c', total: 3, note: null },
      { id: 'd', total: 4, note: 'new' },
      { id: 'e', total: 1.5, note: null },
      { id: 'f', total: 2, note: null },
    ]);
  });

  test('lets a column be null once an event has no value for it', async () => {
    await write(made([Order]), 0, [{ id: 'a', total: 1 }]);
    const sink = made([Order, Order.partial({ total: true })]);
    expect(await write(sink, 1, [{ id: 'b' }])).toEqual([]);
    expect(await types()).toMatchObject({ total: 'integer' });
    expect(await rows()).toHaveLength(2);
  });

  test('still rejects a row that no version allows', async () => {
    await write(made([Order]), 0, [{ id: 'a', total: 1 }]);
    const sink = made([Order, Wider]);
    expect(
      await write(sink, 1, [
        { id: 'b', total: 'many' },
        { id: 'c', total: 2 },
      ]),
    ).toEqual([expect.stringContaining('column total')]);
    expect((await rows()).map(({ id }) => id)).toEqual(['a', 'c']);
  });

  test('keeps every digit of a numeric that grows', async () => {
    const money = (sql: string) => Order.extend({ total: z.number().meta({ sql }) });
    await write(made([money('numeric(8, 2)')]), 0, [{ id: 'a', total: 1.25 }]);
    const sink = made([money('numeric(8, 2)'), money('numeric(12, 4)')]);
    expect(await write(sink, 1, [{ id: 'b', total: 1.2345 }])).toEqual([]);
    expect((await client.query('SELECT total::text FROM t ORDER BY id')).rows).toEqual([
      { total: '1.2500' },
      { total: '1.2345' },
    ]);
  });
});

test('functions of the version before go on beside those of the new one', async () => {
  const [old, grown] = [open({ versions: [Order] }), open({ versions: [Order, Wider] })];
  await write(old, { shard: 'one', previous: 0 }, [{ id: 'a', total: 1 }]);
  await write(grown, { shard: 'two', previous: 0 }, [{ id: 'b', total: 2.5, note: 'new' }]);
  expect(await write(old, { shard: 'one', previous: 1 }, [{ id: 'c', total: 3 }])).toEqual([]);
  expect(await rows()).toHaveLength(3);
  expect(await types()).toMatchObject({ note: 'text' });
});

test('two processes that need the same column both get it', async () => {
  await write(open({ versions: [Order] }), 0, [{ id: 'a', total: 1 }]);
  const sinks = ['one', 'two', 'three'].map((shard) => ({ shard, sink: open({ versions: [Order, Wider] }) }));
  const written = await Promise.all(
    sinks.map(({ shard, sink }) =>
      write(sink, { shard: shard, previous: 0 }, [{ id: shard, total: 0.5, note: shard }]),
    ),
  );
  expect(written).toEqual([[], [], []]);
  expect((await rows()).map(({ note }) => note).sort()).toEqual([null, 'one', 'three', 'two'].sort());
});

test('an altered table is as it was when the transaction does not commit', async () => {
  await write(open({ versions: [Order] }), 0, [{ id: 'a', total: 1 }]);
  const before = await types();
  // The revision is not that of the shard, so the commit fails at the very end.
  await expect(write(open({ versions: [Order, Wider] }), 7, [{ id: 'b', total: 1, note: 'x' }])).rejects.toThrow(
    'revision 7',
  );
  expect(await types()).toEqual(before);
});

test('without evolve, a field without a column stops the sink, and the table stays as it is', async () => {
  await write(open({ versions: [Order] }), 0, [{ id: 'a', total: 1 }]);
  const sink = open({ versions: [Order, Wider], evolve: false });
  await expect(write(sink, 1, [{ id: 'b', total: 1, note: 'x' }])).rejects.toThrow(
    'the table t has no column for the field note',
  );
});

test('leaves alone what somebody has made wider, and what is of another kind', async () => {
  await client.query('CREATE TABLE t (id varchar(20) PRIMARY KEY, total numeric(30, 10), note varchar(99))');
  const sink = open({ versions: [Order, Wider] });
  expect(await write(sink, 0, [{ id: 'a', total: 1.5, note: 'x' }])).toEqual([]);
  expect(await types()).toEqual({
    id: 'character varying(20) not null',
    total: 'numeric(30,10)',
    note: 'character varying(99)',
  });
});

test('a bigint that double precision would round is not altered, and the operator hears why', async () => {
  await client.query(
    `CREATE TABLE t (id text PRIMARY KEY, total bigint); INSERT INTO t VALUES ('a', 9007199254740993)`,
  );
  const sink = open({ versions: [Order.extend({ total: z.int() }), Wider] });
  await expect(write(sink, 0, [{ id: 'b', total: 1.5 }])).rejects.toThrow(
    'the column total of the table t has numbers above 2^53, which double precision would round',
  );
});

test('a user who does not own the table is told what to run', async () => {
  await client.query(`CREATE TABLE t (id text PRIMARY KEY, total integer)`);
  const user = `writer_${database}`;
  await client.query(`CREATE ROLE ${user} LOGIN PASSWORD '${server.password}'; GRANT ALL ON t TO ${user};
    CREATE TABLE millrace_progress (step text NOT NULL, shard text NOT NULL, revision bigint NOT NULL, state text NOT NULL, PRIMARY KEY (step, shard));
    GRANT ALL ON millrace_progress TO ${user}`);
  const sink = open({ versions: [Order, Wider], user });
  await expect(write(sink, 0, [{ id: 'b', total: 1, note: 'x' }])).rejects.toThrow(
    'let this user own the table, or alter it yourself: ALTER TABLE "t" ADD COLUMN IF NOT EXISTS "note" text',
  );
});
