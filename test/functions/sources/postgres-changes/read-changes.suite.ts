import { describe, expect, test } from 'vitest';
import { parseLsn } from '../../../../functions/sources/postgres-changes/lsn.ts';
import { changesIn, eventsIn, followTables } from './open-changes.ts';
import { server } from './server.ts';

const CUSTOMERS = 'CREATE TABLE customers (id int PRIMARY KEY, name text, note text)';
const FIELDS = [{ name: 'id' }, { name: 'name' }];
const customers = (create = CUSTOMERS) => followTables(server, { create, tables: ['customers'], fields: FIELDS });

describe('changes of a table', () => {
  test('yields an insertion, an update and a deletion of each row, in the order of the commits', async () => {
    const { client, begin, run, close } = await customers();
    const start = await begin();
    await client.query(`INSERT INTO customers VALUES (1, 'Ann "A" \\ Lee', 'x'), (2, 'Bö', NULL)`);
    await client.query(
      `BEGIN; UPDATE customers SET name = NULL WHERE id = 2; DELETE FROM customers WHERE id = 1; COMMIT`,
    );
    const pages = await run(start);
    expect(changesIn(pages)).toEqual([
      ['customers.inserted', '1', { id: 1, name: 'Ann "A" \\ Lee' }],
      ['customers.inserted', '2', { id: 2, name: 'Bö' }],
      ['customers.updated', '2', { id: 2, name: null }],
      ['customers.deleted', '1', { id: 1 }],
    ]);
    expect(pages.at(-1)?.position.leftOut).toEqual(['customers.note']);
    expect(pages.at(-1)?.note).toBe('left out, because the schema has no such field: customers.note');
    await close();
  });

  test('makes of a changed key a deletion and an insertion', async () => {
    const { client, begin, run, close } = await customers();
    await client.query(`INSERT INTO customers VALUES (1, 'Ann')`);
    const start = await begin();
    await client.query('UPDATE customers SET id = 7');
    const pages = await run(start);
    expect(changesIn(pages)).toEqual([
      ['customers.deleted', '1', { id: 1 }],
      ['customers.inserted', '7', { id: 7, name: 'Ann' }],
    ]);
    const [deleted, inserted] = eventsIn(pages);
    expect((deleted?.place ?? '') < (inserted?.place ?? '')).toBe(true);
    await close();
  });

  test('fills a value that did not change from the old row under REPLICA IDENTITY FULL, and lists it elsewhere', async () => {
    const large = `repeat(md5(random()::text), 3000)`;
    for (const isFull of [false, true]) {
      const { client, begin, run, close } = await customers(
        `${CUSTOMERS}; ALTER TABLE customers ALTER name SET STORAGE EXTERNAL, ADD n int;
         ALTER TABLE customers REPLICA IDENTITY ${isFull ? 'FULL' : 'DEFAULT'}`,
      );
      await client.query(`INSERT INTO customers VALUES (1, ${large}, NULL, 1)`);
      const start = await begin();
      await client.query('UPDATE customers SET n = 2');
      await client.query('UPDATE customers SET id = 2');
      await client.query('DELETE FROM customers');
      const changes = changesIn(await run(start));
      const name = expect.stringMatching(/^[0-9a-f]{96000}$/);
      expect(changes).toEqual(
        isFull
          ? [
              ['customers.updated', '1', { id: 1, name }],
              ['customers.deleted', '1', { id: 1, name }],
              ['customers.inserted', '2', { id: 2, name }],
              ['customers.deleted', '2', { id: 2, name }],
            ]
          : [
              ['customers.updated', '1', { id: 1, unchanged: ['name'] }],
              ['customers.deleted', '1', { id: 1 }],
              ['customers.inserted', '2', { id: 2, unchanged: ['name'] }],
              ['customers.deleted', '2', { id: 2 }],
            ],
      );
      await close();
    }
  });

  test('writes each type of Postgres as the JSON that the field takes', async () => {
    const columns: readonly [column: string, type: string, value: string, expected: unknown, accepts?: string[]][] = [
      ['yes', 'boolean', 'true', true],
      ['small', 'int2', '-3', -3],
      ['big', 'bigint', '9007199254740993', '9007199254740993', ['string']],
      ['exact', 'numeric(10,2)', '1.50', 1.5],
      ['nan', 'numeric', "'NaN'", 'NaN'],
      ['real', 'double precision', '1e-7', 1e-7],
      ['text', 'varchar(20)', `E'tab\t "quoted" \u00e9\x01'`, 'tab\t "quoted" é\x01'],
      ['js', 'jsonb', `'{"a": [1, null]}'`, { a: [1, null] }],
      ['jt', 'json', `'{"a" : 1}'`, '{"a" : 1}', ['string']],
      ['day', 'date', "'2026-02-03'", '2026-02-03'],
      ['at', 'timestamptz', "'2026-02-03 04:05:06.789+02'", '2026-02-03T02:05:06.789Z'],
      ['local', 'timestamp', "'2026-02-03 04:05:06'", '2026-02-03T04:05:06'],
      ['never', 'timestamptz', "'infinity'", 'infinity'],
      ['old', 'timestamptz', "'0044-03-15 12:00:00+00 BC'", '0044-03-15 12:00:00+00 BC'],
      ['list', 'int[]', "'{1,NULL,3}'", [1, null, 3]],
      ['texts', 'text[]', `ARRAY['a,b', 'NULL', NULL, 'q"\\']`, ['a,b', 'NULL', null, 'q"\\']],
      [
        'deep',
        'boolean[]',
        "'{{t,f},{f,t}}'",
        [
          [true, false],
          [false, true],
        ],
      ],
      ['shifted', 'int[]', "'[2:3]={1,2}'", '[2:3]={1,2}'],
      ['none', 'text[]', "'{}'", []],
      ['mood', 'mood', "'glad'", 'glad'],
      ['count', 'positive', '7', 7],
      ['counts', 'positive[]', "'{7,8}'", [7, 8]],
      ['span', 'interval', "'1 day 02:03:04'", 'P1DT2H3M4S'],
      ['raw', 'bytea', "'\\xdead'", '\\xdead'],
      ['range', 'int4range', "'[1,5)'", '[1,5)'],
    ];
    const { client, begin, run, close } = await followTables(server, {
      create: `CREATE TYPE mood AS ENUM ('sad', 'glad'); CREATE DOMAIN positive AS int CHECK (VALUE > 0);
        CREATE TABLE things (id uuid PRIMARY KEY, ${columns.map(([name, type]) => `"${name}" ${type}`).join(', ')})`,
      tables: ['things'],
      fields: [
        { name: 'id' },
        ...columns.map(([name, , , , accepts]) => ({ name, ...(accepts && { accepts: [...accepts, 'null'] }) })),
      ],
    });
    const start = await begin();
    const id = '0190b0f0-0000-7000-8000-000000000001';
    await client.query(`INSERT INTO things VALUES ('${id}', ${columns.map(([, , value]) => value).join(', ')})`);
    const expected = Object.fromEntries(columns.map(([name, , , value]) => [name, value]));
    expect(changesIn(await run(start))).toEqual([['things.inserted', id, { id, ...expected }]]);
    await close();
  });

  test('reads on when a column is added, renamed, dropped or gets a new type, also in the middle of a transaction', async () => {
    const { client, begin, run, close } = await customers();
    const start = await begin();
    await client.query(`BEGIN; INSERT INTO customers VALUES (1, 'a');
      ALTER TABLE customers ADD colour int DEFAULT 3, DROP note; INSERT INTO customers VALUES (2, 'b');
      ALTER TABLE customers RENAME name TO called; INSERT INTO customers VALUES (3, 'c'); COMMIT`);
    await client.query('ALTER TABLE customers RENAME called TO name; ALTER TABLE customers ALTER name TYPE varchar(9)');
    await client.query(`UPDATE customers SET name = 'd'`);
    const pages = await run(start);
    expect(changesIn(pages).map(([, , data]) => data)).toEqual([
      { id: 1, name: 'a' },
      { id: 2, name: 'b' },
      { id: 3 },
      { id: 1, name: 'd' },
      { id: 2, name: 'd' },
      { id: 3, name: 'd' },
    ]);
    expect(pages.at(-1)?.position.leftOut).toEqual(expect.arrayContaining(['customers.called', 'customers.colour']));
    await close();
  });

  test('reads values of a type that is gone by now', async () => {
    const { client, begin, run, close } = await customers();
    const start = await begin();
    await client.query(`CREATE TYPE colour AS ENUM ('red'); ALTER TABLE customers DROP name, ADD name colour`);
    await client.query(`INSERT INTO customers VALUES (1, 'x', 'red')`);
    await client.query('ALTER TABLE customers DROP name, ADD name text; DROP TYPE colour');
    expect(changesIn(await run(start))).toEqual([['customers.inserted', '1', { id: 1, name: 'red' }]]);
    await close();
  });

  test('makes of a TRUNCATE one event that goes into every shard, with the columns of the key and their types', async () => {
    const { client, begin, run, close } = await customers();
    await client.query('CREATE TABLE other (id int PRIMARY KEY)');
    const start = await begin();
    await client.query(
      `INSERT INTO customers VALUES (1, 'a'); TRUNCATE other, customers; INSERT INTO customers VALUES (2, 'b')`,
    );
    const pages = await run(start);
    expect(changesIn(pages)).toEqual([
      ['customers.inserted', '1', { id: 1, name: 'a' }],
      ['customers.truncated', 'public.customers', { key: ['id'], types: [23] }],
      ['customers.inserted', '2', { id: 2, name: 'b' }],
    ]);
    const events = eventsIn(pages);
    expect(events.map(({ everywhere }) => everywhere)).toEqual([undefined, true, undefined]);
    expect(events.map(({ place }) => place)).toEqual(events.map(({ place }) => place).toSorted());
    expect(pages.flatMap(({ rejections }) => rejections)).toEqual([]);
    await close();
  });

  test('says of each event which transaction made it, and where its commit is in the log', async () => {
    const { client, begin, run, close } = await customers();
    const start = await begin();
    await client.query(`BEGIN; INSERT INTO customers VALUES (1, 'a'), (2, 'b')`);
    const { rows } = await client.query('SELECT pg_current_xact_id()::text AS xid');
    await client.query('TRUNCATE customers; COMMIT');
    await client.query(`INSERT INTO customers VALUES (3, 'c')`);
    const pages = await run(start);
    const [first, second, third, other] = eventsIn(pages);
    expect(first?.xid).toBe(rows[0]?.xid);
    expect(first?.commitLsn).toMatch(/^[0-9A-F]+\/[0-9A-F]+$/);
    const { xid, commitLsn } = first ?? {};
    expect([second, third]).toMatchObject([
      { xid, commitLsn },
      { xid, commitLsn },
    ]);
    expect(other?.xid).not.toBe(xid);
    expect(parseLsn(other?.commitLsn ?? '') > parseLsn(commitLsn ?? '')).toBe(true);
    await close();
  });

  test('makes a dead letter of a row that no record could take, and goes on', async () => {
    const { client, begin, run, close } = await customers();
    const start = await begin();
    await client.query(`INSERT INTO customers VALUES (1, repeat('x', 20000000)), (2, 'small')`);
    const pages = await run(start);
    expect(changesIn(pages)).toEqual([['customers.inserted', '2', { id: 2, name: 'small' }]]);
    const [letter] = pages.flatMap(({ rejections }) => rejections);
    expect(letter).toMatchObject({ reason: 'too-large', event: { key: '1' } });
    expect(letter?.message).toMatch(/has 200000\d\d bytes/);
    await close();
  });

  test('gives rows of a key of several columns the list of their texts as key, and a long one its hash', async () => {
    const { client, begin, run, close } = await followTables(server, {
      create: 'CREATE TABLE t (a text, b int, c int, PRIMARY KEY (b, a))',
      tables: ['t'],
      fields: [{ name: 'c' }],
    });
    const start = await begin();
    await client.query(`INSERT INTO t VALUES ('x', 1, 2), (repeat('y', 300), 1, 3)`);
    const keys = changesIn(await run(start)).map(([, key]) => key);
    expect(keys).toEqual(['["x","1"]', expect.stringMatching(/^sha256:[0-9a-f]{64}$/)]);
    await close();
  });

  test('begins behind its position, also in the middle of a transaction', async () => {
    const { client, begin, run, close } = await customers();
    const start = await begin();
    await client.query(`INSERT INTO customers SELECT n, 'name ' || n FROM generate_series(1, 12000) n`);
    const [first] = await run(start, { most: 1 });
    expect(first?.position.read?.inside).toMatchObject({ ordinal: 5_000 });
    const rest = await run(first?.position);
    const events = eventsIn([...(first === undefined ? [] : [first]), ...rest]);
    expect(events.map(({ key }) => key)).toEqual(Array.from({ length: 12_000 }, (_, n) => String(n + 1)));
    expect(events.map(({ place }) => place)).toEqual(events.map(({ place }) => place).toSorted());
    await close();
  });
});
