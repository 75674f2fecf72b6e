import type pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { UserMistake } from '../../../../functions/runtime/errors.ts';
import { PULLED_EVENTS, type PulledPage, type PulledSource } from '../../../../functions/runtime/source.ts';
import {
  postgresQueryDefinition,
  postgresQuerySource,
} from '../../../../functions/sources/postgres-query/postgres-query.ts';
import { customers } from '../../../../infra/reference/connector-examples.ts';
import { noDeadline } from '../../../eventually.ts';
import { type PostgresServer, startPostgres } from '../../../kit/servers.ts';

const Item = z.object({ id: z.int(), name: z.string() });
const common = { schema: Item, type: 'item.changed', key: 'id' } as const;

let server: PostgresServer;
let database: string;
let client: pg.Client;
let other: pg.Client;

beforeAll(async () => {
  server = await startPostgres({ flags: ['-c', 'max_prepared_transactions=5'] });
  database = await server.createDatabase();
});
afterAll(() => server.stop());
beforeEach(async () => {
  client = await server.connect(database);
  other = await server.connect(database);
  await client.query(`DROP SCHEMA IF EXISTS sales, public CASCADE; CREATE SCHEMA public;
    GRANT USAGE ON SCHEMA public TO public;
    CREATE TABLE items (id int PRIMARY KEY, name text NOT NULL)`);
});
afterEach(async () => {
  await Promise.all([client.end(), other.end()]);
});

/** Opens a source as its function does. */
function open(options: unknown, login: { user: string; password: string } = server): PulledSource<unknown> {
  const { host, port } = server;
  const { user, password } = login;
  return postgresQueryDefinition.open({
    step: 'pipeline/step',
    pipelines: [],
    options: postgresQueryDefinition.options.parse(JSON.parse(JSON.stringify(options))),
    resources: postgresQueryDefinition.resources.parse({ host, port, database, user, auth: { password }, tls: 'off' }),
  }) as PulledSource<unknown>;
}

const itemsSource = (more: Partial<Parameters<typeof postgresQuerySource>[0]> = {}) =>
  open(postgresQuerySource({ table: 'items', ...common, ...more } as never).options);

/** Reads a source run after run, as the schedule does. */
function reading(source: PulledSource<unknown>) {
  let position: unknown;
  const pages: PulledPage<unknown>[] = [];
  return {
    pages,
    /** Reads to the end, and resolves to the events of the run. */
    async run(most = PULLED_EVENTS): Promise<PulledPage<unknown>['events']> {
      const found: PulledPage<unknown>[] = [];
      for await (const page of source.read(position, { ending: noDeadline(), signal: noDeadline(), most })) {
        found.push(page);
        position = source.position.parse(JSON.parse(JSON.stringify(page.position)));
      }
      pages.push(...found);
      return found.flatMap(({ events }) => events);
    },
    async names(): Promise<readonly string[]> {
      return (await this.run()).map((event) => (dataOf(event) as { name: string }).name);
    },
  };
}

const dataOf = ({ dataBytes }: { readonly dataBytes: Uint8Array }): unknown =>
  JSON.parse(Buffer.from(dataBytes).toString());

describe('a table that is read by the horizon', () => {
  test('gives each row once, and an update as the row is then; a deletion gives nothing', async () => {
    const items = reading(itemsSource());
    await client.query(`INSERT INTO items VALUES (1, 'a'), (2, 'b')`);
    expect(await items.names()).toEqual(['a', 'b']);
    expect(await items.names()).toEqual([]);
    await client.query(`UPDATE items SET name = 'b2' WHERE id = 2; DELETE FROM items WHERE id = 1`);
    expect(await items.names()).toEqual(['b2']);
  });

  test('gives a row whose transaction commits late, after rows that were committed before it', async () => {
    const items = reading(itemsSource());
    await client.query('BEGIN');
    await client.query(`INSERT INTO items VALUES (1, 'late')`);
    await other.query(`INSERT INTO items VALUES (2, 'early')`);
    expect(await items.names()).toEqual([]);
    await client.query('COMMIT');
    expect(await items.names()).toEqual(['late', 'early']);
  });

  test('names the session or the prepared transaction that it waits for, also one in another database', async () => {
    const items = reading(itemsSource());
    await items.run();
    const elsewhere = await server.connect(await server.createDatabase());
    await elsewhere.query('BEGIN; CREATE TABLE t (); SELECT 1');
    await client.query(`INSERT INTO items VALUES (1, 'a')`);
    await items.run();
    await items.run();
    const { rows } = await elsewhere.query('SELECT pg_backend_pid() AS pid');
    expect(items.pages.at(-1)?.note).toMatch(
      new RegExp(
        `^the session ${rows[0].pid} \\(database '\\w+', ''\\) has an open transaction since .+Z: .+ SELECT pg_terminate_backend`,
      ),
    );
    await elsewhere.query(`PREPARE TRANSACTION 'forgotten'`);
    await items.run();
    expect(items.pages.at(-1)?.note).toMatch(/^the prepared transaction 'forgotten' .+ ROLLBACK PREPARED 'forgotten'$/);
    await elsewhere.query(`ROLLBACK PREPARED 'forgotten'`);
    expect(await items.names()).toEqual(['a']);
    expect(items.pages.at(-1)).not.toHaveProperty('note');
    await elsewhere.end();
  });

  test('goes on in a new generation after a rewrite, without rows that it has finished', async () => {
    const items = reading(itemsSource());
    await client.query(`INSERT INTO items VALUES (1, 'a'), (2, 'b')`);
    await items.run();
    await client
      .query(`INSERT INTO items VALUES (3, 'c'); VACUUM`)
      .catch(() => client.query(`INSERT INTO items VALUES (3, 'c')`));
    await client.query('VACUUM FULL items');
    expect(await items.names()).toEqual(['c']);
    expect(items.pages.at(-1)?.generation).toBe(1);
  });

  test('begins a transaction again that it was reading when the table was rewritten', async () => {
    await client.query(`INSERT INTO items SELECT n, 'first' FROM generate_series(1, 5) n`);
    await client.query(`INSERT INTO items SELECT n, 'second' FROM generate_series(6, 10) n`);
    await client.query('DELETE FROM items WHERE id IN (1, 2)');
    const source = itemsSource();
    const turn = { ending: noDeadline(), signal: noDeadline(), most: 4 };
    let position: unknown;
    const before: unknown[] = [];
    for await (const page of source.read(undefined, turn)) {
      position = page.position;
      before.push(...page.events.map(dataOf));
      if (before.length > 0) break;
    }
    expect(before).toHaveLength(4);
    await client.query('VACUUM FULL items');
    const after: unknown[] = [];
    for await (const { events } of source.read(position, turn)) after.push(...events.map(dataOf));
    expect(after).toEqual([6, 7, 8, 9, 10].map((id) => ({ id, name: 'second' })));
  });

  test('reads all rows again from a table that was made anew, and from a server whose transactions went back', async () => {
    const items = reading(itemsSource());
    await client.query(`INSERT INTO items VALUES (1, 'a')`);
    await items.run();
    await client.query('DROP TABLE items; CREATE TABLE items (id int PRIMARY KEY, name text NOT NULL)');
    await client.query(`INSERT INTO items VALUES (1, 'b')`);
    expect(await items.names()).toEqual(['b']);
    const last = items.pages.at(-1)?.position as { below: string; generation: number };
    expect(last.generation).toBe(1);
    const restored = { ...last, below: String(BigInt(last.below) + 1_000n) };
    const pages: PulledPage<unknown>[] = [];
    for await (const page of itemsSource().read(restored, { ending: noDeadline(), signal: noDeadline(), most: 10 }))
      pages.push(page);
    expect(pages.flatMap(({ events }) => events.map(dataOf))).toEqual([{ id: 1, name: 'b' }]);
    expect(pages.at(-1)?.generation).toBe(2);
  });

  test('sees the rows of a table that was altered while it waited', async () => {
    const items = reading(itemsSource());
    await client.query(`INSERT INTO items VALUES (1, 'a')`);
    await client.query('BEGIN; ALTER TABLE items ALTER COLUMN id TYPE bigint');
    const run = items.names();
    for (;;) {
      const { rows } = await other.query(`SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock'`);
      if (rows.length > 0) break;
    }
    await client.query('COMMIT');
    expect(await run).toEqual(['a']);
  });

  test('gives the values of a row as JSON, in the columns that the schema declares', async () => {
    await client.query(`CREATE TYPE pair AS (a int, b text);
      CREATE DOMAIN amount AS numeric;
      CREATE TABLE everything (id bigint, n amount, as_text numeric, f float8, flag boolean, at timestamptz, local timestamp, day date,
        doc jsonb, list text[], pair pair, raw bytea, uid uuid, nothing text, ignored text);
      INSERT INTO everything VALUES (9007199254740993, 1.50, 2.50, 'NaN', true, '2026-01-31 12:00:00.5+02', '2026-01-31 12:00',
        '2026-01-31', '{"a": 1.0}', '{x,NULL}', '(1,"b c")', '\\xff', '0190a7c2-3d4e-7f60-8a1b-2c3d4e5f6071', NULL, 'x')`);
    const schema = z.object({
      id: z.number(),
      n: z.number(),
      as_text: z.string(),
      f: z.union([z.number(), z.string()]),
      flag: z.boolean(),
      at: z.iso.datetime(),
      local: z.string(),
      day: z.iso.date(),
      doc: z.unknown(),
      list: z.array(z.string().nullable()),
      pair: z.object({ a: z.int(), b: z.string() }),
      raw: z.string(),
      uid: z.uuid(),
      nothing: z.string().nullable(),
    });
    const { options } = postgresQuerySource({ table: 'everything', schema, type: 'row.read', key: 'id', time: 'at' });
    const [event] = await reading(open(options)).run();
    expect(Buffer.from(event?.dataBytes ?? []).toString()).toBe(
      '{"id":9007199254740993,"n":1.50,"as_text":"2.50","f":"NaN","flag":true,"at":"2026-01-31T10:00:00.5Z","local":"2026-01-31T12:00:00",' +
        '"day":"2026-01-31","doc":{"a": 1.0},"list":["x",null],"pair":{"a":1,"b":"b c"},"raw":"\\\\xff",' +
        '"uid":"0190a7c2-3d4e-7f60-8a1b-2c3d4e5f6071","nothing":null}',
    );
    expect(event).toMatchObject({ key: '9007199254740993', time: '2026-01-31T10:00:00.5Z', type: 'row.read' });
  });

  test('makes a dead letter of a row that does not fit the schema', async () => {
    await client.query(`INSERT INTO items VALUES (1, 'a'), (2, 'too long')`);
    const schema = z.object({ id: z.int(), name: z.string().max(3) });
    const items = reading(itemsSource({ schema } as never));
    expect(await items.names()).toEqual(['a']);
    const [rejection] = items.pages.flatMap(({ rejections }) => rejections);
    expect(rejection).toMatchObject({ reason: 'schema', message: expect.stringContaining('name') });
    expect(Buffer.from(rejection?.bytes ?? []).toString()).toBe('{"id":2,"name":"too long"}');
  });

  test('reads large rows in small pages', async () => {
    await client.query(`INSERT INTO items SELECT n, repeat('x', 200000) FROM generate_series(1, 60) n`);
    const items = reading(itemsSource());
    expect(await items.run()).toHaveLength(60);
    const sizes = items.pages.map(({ events }) => events.length).filter((size) => size > 0);
    expect(sizes.length).toBeGreaterThan(2);
    expect(Math.max(...sizes)).toBeLessThan(25);
  });
});

describe('a table that is limited by a column', () => {
  test('is read from the numbers on that open transactions may still give, and not from its beginning', async () => {
    await client.query(`INSERT INTO items SELECT n, 'old' FROM generate_series(1, 100) n`);
    const items = reading(itemsSource({ limitedBy: { incrementing: 'id', margin: 0 } } as never));
    expect(await items.run()).toHaveLength(100);
    await other.query(`INSERT INTO items VALUES (101, 'first')`);
    await client.query('BEGIN');
    await client.query(`INSERT INTO items VALUES (102, 'late')`);
    await other.query(`INSERT INTO items VALUES (103, 'early')`);
    // The horizon moves up to the open transaction, and 103 is the highest number that is seen.
    expect(await items.names()).toEqual(['first']);
    await other.query(`INSERT INTO items VALUES (104, 'new')`);
    await items.run();
    await client.query('COMMIT');
    expect(await items.names()).toEqual(['late', 'early', 'new']);
    await items.run();
    // An older row that is updated is not looked for: that is what keeps the scan short.
    await client.query(`UPDATE items SET name = 'updated' WHERE id = 1; INSERT INTO items VALUES (105, 'last')`);
    expect(await items.names()).toEqual(['last']);
  });

  test('is read from the start of the oldest transaction on, because now() is that', async () => {
    await client.query(`ALTER TABLE items ADD COLUMN changed_at timestamptz NOT NULL DEFAULT now()`);
    await client.query(`INSERT INTO items VALUES (1, 'old')`);
    const items = reading(itemsSource({ limitedBy: { timestamp: 'changed_at', margin: 0 } } as never));
    // Its time is that of BEGIN, and it takes a transaction id only when it writes.
    await client.query('BEGIN');
    await client.query('SELECT now()');
    expect(await items.names()).toEqual(['old']);
    await other.query(`INSERT INTO items VALUES (2, 'early')`);
    expect(await items.names()).toEqual(['early']);
    await client.query(`INSERT INTO items VALUES (3, 'late')`);
    await client.query('COMMIT');
    expect(await items.names()).toEqual(['late']);
    await client.query(`UPDATE items SET name = 'silent' WHERE id = 1`);
    expect(await items.names()).toEqual([]);
  });
});

describe('a query', () => {
  const query = (text: string, incrementing = 'id') =>
    open(postgresQuerySource({ query: text, incrementing, ...common }).options);

  test('gives the rows with higher numbers than the last one, in their order, and negative ones first', async () => {
    await client.query(`INSERT INTO items VALUES (2, 'b'), (-1, 'a')`);
    const items = reading(query('SELECT id, upper(name) AS name FROM items;'));
    expect(await items.names()).toEqual(['A', 'B']);
    await client.query(`INSERT INTO items VALUES (1, 'never'), (3, 'c')`);
    expect(await items.names()).toEqual(['C']);
  });

  test.each([
    ['SELECT id FROM nothing', /the query cannot be read: relation "nothing" does not exist: correct 'query'/],
    ['SELEKT 1', /the query cannot be read: syntax error/],
    [`SELECT 1 AS n, 'a' AS name`, /incrementing: the query has no column 'id': use one of 'n', 'name'/],
    [
      `SELECT 'a' AS id, 'a' AS name`,
      /the column 'id' of the query is text, and it has to be smallint, integer, bigint: cast it/,
    ],
    ['SELECT 1 AS id', /the query has no column 'name', which the schema declares/],
    [`DELETE FROM items RETURNING id, name`, /the query cannot be read/],
  ])('stops at %s, and says what to correct', async (text, says) => {
    await expect(reading(query(text)).run()).rejects.toThrow(says);
    await expect(reading(query(text)).run()).rejects.toThrow(UserMistake);
  });
});

describe('a source of Postgres stops, and says what to do', () => {
  test.each([
    [
      'a table that is missing',
      { table: 'itemz' },
      /the table itemz does not exist, or the user 'millrace' may not see its schema: correct 'table'/,
    ],
    ['a schema that is missing', { table: 'sales.items' }, /the table sales.items does not exist/],
    ['a partitioned table', { table: 'parts' }, /the table parts has partitions or children/],
    [
      'a view',
      { table: 'looks' },
      /looks is no table, and only the rows of a table say which transaction wrote them: read a query/,
    ],
    [
      'a field without a column',
      { schema: Item.extend({ price: z.number() }) },
      /the table items has no column 'price', which the schema declares.*use one of 'id', 'name'/,
    ],
    [
      'a column of another type',
      { schema: z.object({ id: z.int(), name: z.number() }) },
      /the table items: the column 'name' is text, and the schema takes number there/,
    ],
    [
      'a column of an unknown type',
      { table: 'odd', schema: z.object({ id: z.int(), at: z.number() }) },
      /the column 'at' is point, and the schema takes number there/,
    ],
    [
      'a limit that is missing',
      { limitedBy: { incrementing: 'nr' } },
      /limitedBy: the table items has no column 'nr': use one of/,
    ],
    [
      'a limit that is no number',
      { limitedBy: { incrementing: 'name' } },
      /limitedBy: the column 'name' of items is text, and it has to be smallint, integer, bigint/,
    ],
    [
      'a limit without a time zone',
      { table: 'odd', schema: z.object({ id: z.int() }), limitedBy: { timestamp: 'local' } },
      /the column 'local' of odd is timestamp without time zone, and it has to be timestamp with time zone/,
    ],
    [
      'a limit that may be null',
      { table: 'odd', schema: z.object({ id: z.int() }), limitedBy: { incrementing: 'id' } },
      /may be null, and such rows would never be read: ALTER TABLE "odd" ALTER COLUMN "id" SET NOT NULL/,
    ],
  ])('at %s', async (_, more, says) => {
    await client.query(`CREATE TABLE parts (id int, name text) PARTITION BY RANGE (id); CREATE VIEW looks AS SELECT * FROM items;
      CREATE TABLE odd (id int, at point, local timestamp)`);
    const run = reading(itemsSource(more as never)).run();
    await expect(run).rejects.toThrow(says);
    await expect(run).rejects.toThrow(UserMistake);
  });

  test('at missing rights, with the statements that grant them', async () => {
    const name = `poor_${database}`;
    await client.query(
      `CREATE ROLE ${name} LOGIN PASSWORD 'p'; CREATE SCHEMA sales; CREATE TABLE sales.items (id int, name text)`,
    );
    const login = { user: name, password: 'p' };
    const of = (table: string, more = {}) =>
      reading(open(postgresQuerySource({ table, ...common, ...more }).options, login)).run();
    await expect(of('items')).rejects.toThrow(`GRANT SELECT ON "items" TO "${name}"`);
    await expect(of('sales.items')).rejects.toThrow(
      `GRANT USAGE ON SCHEMA "sales" TO "${name}"; GRANT SELECT ON "sales"."items"`,
    );
    await client.query(
      `GRANT SELECT ON items TO ${name}; ALTER TABLE items ADD COLUMN at timestamptz NOT NULL DEFAULT now()`,
    );
    await client.query(`INSERT INTO items VALUES (1, 'a')`);
    expect(await of('items')).toHaveLength(1);
    await expect(of('items', { limitedBy: { timestamp: 'at' } })).rejects.toThrow(
      `GRANT pg_read_all_stats TO "${name}"`,
    );
  });
});

test('the example of docs/connectors.md reads customers', async () => {
  await client.query(`CREATE SCHEMA sales;
    CREATE TABLE sales.customers (customer_id int PRIMARY KEY, name text NOT NULL, changed_at timestamptz NOT NULL, secret text);
    INSERT INTO sales.customers VALUES (7, 'Ann', '2026-01-31 12:00+00', 'x')`);
  const [event] = await reading(open(customers.sources.crm?.read.options)).run();
  expect(event).toMatchObject({ type: 'customer.changed', key: '7', time: '2026-01-31T12:00:00Z' });
  expect(event && dataOf(event)).toEqual({ customer_id: 7, name: 'Ann', changed_at: '2026-01-31T12:00:00Z' });
});
