import pg from 'pg';
import { describe, expect, test } from 'vitest';
import { checkServer } from '../../../../functions/sources/postgres-changes/guards.ts';
import { changesIn, type Field, followTables } from './open-changes.ts';
import { server } from './server.ts';

const CUSTOMERS = 'CREATE TABLE customers (id int PRIMARY KEY, name text, note text)';
const FIELDS = [{ name: 'id' }, { name: 'name' }];
const customers = () => followTables(server, { create: CUSTOMERS, tables: ['customers'], fields: FIELDS });

const confirmed = async (client: { query(text: string): Promise<{ rows: unknown[] }> }, slot = '') => {
  const { rows } = await client.query(
    `SELECT confirmed_flush_lsn::text AS lsn FROM pg_replication_slots WHERE slot_name = '${slot}'`,
  );
  return (rows[0] as { lsn: string } | undefined)?.lsn;
};

describe('what is acknowledged', () => {
  test('the server is told of a transaction only once the next page is asked for', async () => {
    const { client, begin, run, close } = await customers();
    const start = await begin();
    const before = start.read?.last?.lsn;
    await expect.poll(() => confirmed(client, start.slot)).toBe(before);
    await client.query(`INSERT INTO customers VALUES (1, 'a')`);
    const told: (string | undefined)[] = [];
    const pages = await run(start, {
      async onPage() {
        told.push(await confirmed(client, start.slot));
      },
    });
    expect(told).toEqual([before]);
    const last = pages.at(-1)?.position.read?.last;
    await expect.poll(() => confirmed(client, start.slot)).toBe(last?.lsn);
    await close();
  });

  test('the last transaction comes again on the next connection, and is no event again', async () => {
    const { client, begin, run, close } = await customers();
    const start = await begin();
    const pages = await run(start, {
      // It is committed after the mark of the run, so it is the last one that the run reads.
      onPage: async ({ events }) => {
        if (events.length === 0) await client.query(`INSERT INTO customers VALUES (1, 'a') ON CONFLICT DO NOTHING`);
      },
      until: ({ events }) => events.length > 0,
    });
    expect(pages.at(-1)?.position.read?.last).not.toHaveProperty('token');
    await client.query(`INSERT INTO customers VALUES (2, 'b')`);
    const later = await run(pages.at(-1)?.position);
    expect(changesIn(later)).toEqual([['customers.inserted', '2', { id: 2, name: 'b' }]]);
    await close();
  });
});

describe('what stops the step', () => {
  test('a slot that is gone, with the position from which on changes are lost', async () => {
    const { client, begin, run, close } = await customers();
    const { slot, read } = await begin();
    await expect
      .poll(() =>
        client.query(`SELECT pg_drop_replication_slot('${slot}')`).then(
          () => 'dropped',
          () => 'in use',
        ),
      )
      .toBe('dropped');
    await expect(run({ slot, ...(read && { read }) })).rejects.toThrow(
      `the slot ${slot} is gone, and with it all changes after ${read?.last?.lsn}`,
    );
    await close();
  });

  test('a slot that was read further than the step, with the range that is lost', async () => {
    const { client, begin, run, close } = await customers();
    const start = await begin();
    await client.query(`INSERT INTO customers VALUES (1, 'a')`);
    const pages = await run(start);
    const ours = start.read?.last?.lsn;
    await expect.poll(() => confirmed(client, start.slot)).toBe(pages.at(-1)?.position.read?.last?.lsn);
    await expect(run(start)).rejects.toThrow(
      `The changes from ${ours} to ${pages.at(-1)?.position.read?.last?.lsn} are lost`,
    );
    await close();
  });

  test.each([
    ['xid', { xid: 1 }],
    ['micros', { micros: '1' }],
    ['token', { token: 'another' }],
  ])('a server whose last transaction has another %s: it was restored from a backup', async (_, other) => {
    const { begin, run, close } = await customers();
    const { slot, read } = await begin();
    if (read?.last === undefined) throw new Error('nothing was read');
    await expect(run({ slot, read: { ...read, last: { ...read.last, ...other } } })).rejects.toThrow(
      'it is another server, such as one that was restored from a backup',
    );
    await close();
  });

  test('another server, and another database of it', async () => {
    const { begin, run, close } = await customers();
    const { slot, read } = await begin();
    if (read === undefined) throw new Error('nothing was read');
    await expect(run({ slot, read: { ...read, system: '1' } })).rejects.toThrow(
      'and the step has read a server with 1',
    );
    await expect(run({ slot, read: { ...read, database: 'other' } })).rejects.toThrow(
      'the step has read the database other',
    );
    await close();
  });

  test('a slot that another program reads, with the statement that ends the program', async () => {
    const { client, begin, run, close } = await customers();
    const start = await begin();
    const { host, port, user, password } = server;
    const other = new pg.Client({
      host,
      port,
      user,
      password,
      database: client.database as string,
      application_name: 'other',
      replication: 'database',
    } as pg.ClientConfig);
    other.on('error', () => undefined);
    await other.connect();
    other
      .query(`START_REPLICATION SLOT ${start.slot} LOGICAL 0/0 (proto_version '1', publication_names 'millrace')`)
      .catch(() => undefined);
    await expect
      .poll(() =>
        client
          .query(`SELECT FROM pg_replication_slots WHERE active AND slot_name = '${start.slot}'`)
          .then(({ rowCount }) => rowCount),
      )
      .toBe(1);
    await expect(run(start)).rejects.toThrow(
      /in use by another program \(pid \d+, 'other'\): end that program \(select pg_terminate_backend/,
    );
    (other as unknown as { connection: { stream: { destroy(): void } } }).connection.stream.destroy();
    await close();
  });

  test('a run takes the slot from a run of the same step that still reads it', async () => {
    const { client, begin, run, close } = await customers();
    const start = await begin();
    await client.query(`INSERT INTO customers VALUES (1, 'a')`);
    let later: unknown;
    const first = run(start, {
      async onPage() {
        later ??= changesIn(await run(start));
        await client.query(`INSERT INTO customers VALUES (2, 'b')`);
        await new Promise((resolve) => setTimeout(resolve, 300));
      },
      most: 2,
    });
    await first.catch(() => undefined);
    expect(later).toEqual([['customers.inserted', '1', { id: 1, name: 'a' }]]);
    await close();
  });
});

describe('what a table and its database need', () => {
  const refused = async (create: string, options = {}, fields: readonly Field[] = FIELDS) => {
    const { run, close } = await followTables(server, { create, tables: ['customers'], fields, options });
    const error = await run().then(
      () => 'nothing is wrong',
      ({ message }: Error) => message,
    );
    await close();
    return error;
  };

  test.each([
    ['a primary key', 'CREATE TABLE customers (id int)', 'alter table "customers" add primary key'],
    [
      'a replica identity',
      `${CUSTOMERS}; ALTER TABLE customers REPLICA IDENTITY NOTHING`,
      'alter table "customers" replica identity default',
    ],
    ['its name', 'SELECT 1', 'the table customers does not exist'],
    ['to be a table', 'CREATE VIEW customers AS SELECT 1 AS id', 'customers is no table'],
  ])('%s', async (_, create, fix) => {
    expect(await refused(create)).toContain(fix);
  });

  test('a publication, which has the table and every kind of change', async () => {
    expect(await refused(CUSTOMERS, { create: false })).toContain(
      'create publication "millrace" for table "customers"',
    );
    expect(await refused(`${CUSTOMERS}; CREATE PUBLICATION millrace`)).toContain(
      'alter publication "millrace" add table "customers"',
    );
    const partly = `${CUSTOMERS}; CREATE PUBLICATION millrace FOR TABLE customers WITH (publish = 'insert')`;
    expect(await refused(partly)).toContain(`set (publish = 'insert, update, delete, truncate')`);
    const parts = `CREATE TABLE customers (id int PRIMARY KEY, name text) PARTITION BY RANGE (id); CREATE PUBLICATION millrace FOR TABLE customers`;
    expect(await refused(parts)).toContain('publish_via_partition_root = true');
  });

  test('columns that fit the fields of the schema', async () => {
    const wrong = (field: Field) => refused(CUSTOMERS, {}, [field]);
    expect(await wrong({ name: 'age', isRequired: true })).toContain(
      `the stream's schema has a field 'age', and the table customers has no such column`,
    );
    expect(await wrong({ name: 'id', accepts: ['boolean'] })).toContain(
      'the column id of the table customers is integer',
    );
    expect(await wrong({ name: 'name', accepts: ['string'] })).toContain('may be null');
  });

  const facts = {
    ...{ version: 180_000, isStandby: false, walLevel: 'logical', keepMegabytes: 1_024, user: 'me' },
    ...{ mayReplicate: true, encoding: 'UTF8', isRds: false },
  };
  test.each([
    [{}, undefined],
    [{ keepMegabytes: -1 }, "alter system set max_slot_wal_keep_size = '10GB'"],
    [{ keepMegabytes: -1, isRds: true }, 'set it in the parameter group'],
    [{ walLevel: 'replica' }, "alter system set wal_level = 'logical', and restart"],
    [{ walLevel: 'replica', isRds: true }, 'set rds.logical_replication = 1 in the parameter group'],
    [{ mayReplicate: false, isRds: true }, 'grant rds_replication to "me"'],
    [{ version: 130_004 }, 'the server is Postgres 13'],
    [{ isStandby: true }, 'name the primary server'],
    [{ encoding: 'LATIN1' }, 'the encoding LATIN1'],
  ])('a server that keeps its log for readers, and not without a limit: %o', async (other, fix) => {
    const query = async () => [{ facts: JSON.stringify({ ...facts, ...other }) }];
    const check = checkServer({ query }).then(
      () => undefined,
      ({ message }: Error) => message,
    );
    expect(await check).toEqual(fix === undefined ? undefined : expect.stringContaining(fix));
  });

  test('a user who may read the log', async () => {
    const client = await server.connect('postgres');
    await client.query(`CREATE ROLE reader LOGIN PASSWORD 'secret'`);
    await client.end();
    const { run, close } = await followTables(server, {
      create: `${CUSTOMERS}; GRANT SELECT ON customers TO reader`,
      tables: ['customers'],
      fields: FIELDS,
      login: { user: 'reader', auth: { password: 'secret' } },
    });
    await expect(run()).rejects.toThrow('alter role "reader" replication');
    await close();
  });
});

describe('what the server keeps while nobody reads', () => {
  test('is said by a run, and by a paused source, with how long it lasts', async () => {
    const { client, begin, run, look, close } = await customers();
    const start = await begin();
    let kept: number | undefined;
    const pages = await run(start, {
      async onPage(page) {
        kept ??= page.kept?.bytes;
        // The server answers while the run reads on.
        if (kept === undefined) await client.query('INSERT INTO customers SELECT count(*) FROM customers');
      },
      until: () => kept !== undefined,
    });
    expect(kept).toBeGreaterThanOrEqual(0);
    const { position } = pages.at(-1) ?? {};
    if (position?.read?.last === undefined) throw new Error('nothing was read');
    await client.query(`SELECT pg_logical_emit_message(true, 'other', repeat('x', 20000000))`);
    // As if the last transaction was an hour ago: a slot of this server may keep 1 GiB.
    const last = { ...position.read.last, micros: String(BigInt(position.read.last.micros) - 3_600_000_000n) };
    const looked = await look({ ...position, read: { ...position.read, last } });
    const left = (1024 - 19) / 19;
    expect(looked.kept?.bytes).toBeGreaterThan(18 * 1024 * 1024);
    expect((looked.kept?.leftMillis ?? 0) / 3_600_000).toBeGreaterThan(left / 2);
    expect((looked.kept?.leftMillis ?? 0) / 3_600_000).toBeLessThan(left * 2);
    expect(looked.note).toMatch(/^the server keeps \d+ MiB of its log for the slot; at the present rate it removes/);
    expect(await look({ ...position, slot: 'millrace_gone' })).toEqual({
      note: 'the server has no slot millrace_gone',
    });
    await close();
  });
});
