import { describe, expect, test } from 'vitest';
import { overrule } from '../../../../functions/sources/postgres-changes/overrule.ts';
import type { ChangesPosition } from '../../../../functions/sources/postgres-changes/position.ts';
import { parseSnapshot, sees } from '../../../../functions/sources/postgres-changes/visibility.ts';
import { changesIn, eventsIn, followTables, type Page } from './open-changes.ts';
import { server } from './server.ts';

const follow = (create: string, tables = ['t']) =>
  followTables(server, {
    create,
    tables,
    fields: [{ name: 'id' }, { name: 'name' }],
    options: { snapshot: 'initial' },
  });

const field = (name: string) => ({ name, accepts: [], isRequired: false });

const isDone = ({ position: { snapshot, chunk } }: Page) => snapshot === undefined && chunk === undefined;

describe('rows that a table has already', () => {
  test('come into the stream once, in chunks, and changes of them behind', async () => {
    const { client, run, close } = await follow(
      `CREATE TABLE t (id int PRIMARY KEY, name text); INSERT INTO t SELECT n, 'name ' || n FROM generate_series(1, 2500) n`,
    );
    const pages = await run(undefined, { until: isDone });
    expect(changesIn(pages)).toEqual(
      Array.from({ length: 2_500 }, (_, n) => ['t.inserted', String(n + 1), { id: n + 1, name: `name ${n + 1}` }]),
    );
    const places = eventsIn(pages).map(({ place }) => place);
    expect(places).toEqual(places.toSorted());
    await client.query(`UPDATE t SET name = 'new' WHERE id = 7`);
    expect(changesIn(await run(pages.at(-1)?.position))).toEqual([['t.updated', '7', { id: 7, name: 'new' }]]);
    await close();
  });

  test('are the same at the same places after a death in the middle of a chunk, though the table has changed', async () => {
    const { client, run, close } = await follow(
      `CREATE TABLE t (id int PRIMARY KEY, name text); INSERT INTO t SELECT n, 'old' FROM generate_series(1, 20) n`,
    );
    let fixed: ChangesPosition | undefined;
    const first = await run(undefined, {
      until: isDone,
      onPage: ({ position }) => {
        if (position.chunk !== undefined) fixed = position;
      },
    });
    await client.query(`UPDATE t SET name = 'new'; DELETE FROM t WHERE id = 3`);
    const again = await run(fixed, { until: isDone });
    const rows = eventsIn(first);
    expect(rows).toHaveLength(20);
    expect(eventsIn(again).slice(0, 20)).toEqual(rows);
    expect(
      changesIn(again)
        .slice(20)
        .map(([type]) => type),
    ).toEqual([...Array(20).fill('t.updated'), 't.deleted']);
    await close();
  });

  test.each([3, 4, 5])(
    'are not lost when a run dies behind page %i, near a row that is too large for the position',
    async (most) => {
      const { run, close } = await follow(
        `CREATE TABLE t (id int PRIMARY KEY, name text);
         INSERT INTO t SELECT 1, string_agg(md5(n::text), '') FROM generate_series(1, 4000) n; INSERT INTO t VALUES (2, 'b')`,
      );
      const first = await run(undefined, { most, until: () => false });
      const keys = new Set(eventsIn(first).map(({ key }) => key));
      await run(first.at(-1)?.position, {
        until: () => keys.has('2'),
        onPage: (page) => {
          for (const { key } of eventsIn([page])) keys.add(key);
        },
      });
      expect([...keys]).toEqual(['1', '2']);
      await close();
    },
  );

  test('are read for a table that is added later, and no row of another one comes again', async () => {
    const create = `CREATE TABLE t (id int PRIMARY KEY, name text); INSERT INTO t VALUES (1, 'a');
      CREATE TABLE later (id int PRIMARY KEY, name text); INSERT INTO later VALUES (2, 'b')`;
    const { client, run, close, database } = await follow(create);
    const pages = await run(undefined, { until: isDone });
    await client.query('ALTER PUBLICATION millrace ADD TABLE later');
    const both = await followTables(server, {
      create: 'SELECT 1',
      tables: ['t', 'later'],
      fields: [{ name: 'id' }],
      options: { snapshot: 'initial' },
      login: { database },
    });
    const more = await both.run(pages.at(-1)?.position, { until: isDone });
    expect(changesIn(more)).toEqual([['later.inserted', '2', { id: 2 }]]);
    await both.close();
    await close();
  });

  test('and their changes go into the stream of each table, where the tables have names', async () => {
    const { client, run, close } = await followTables(server, {
      create: `CREATE TABLE t (id int PRIMARY KEY, name text); INSERT INTO t VALUES (1, 'a');
        CREATE TABLE u (id int PRIMARY KEY, n int); INSERT INTO u VALUES (2, 5)`,
      tables: { left: 't', right: 'u' },
      fields: [],
      options: { snapshot: 'initial' },
      login: { outputs: { left: [field('id')], right: [field('id'), field('n')] } },
    });
    const pages = await run(undefined, { until: isDone });
    await client.query(`UPDATE u SET n = 6; UPDATE t SET name = 'b'`);
    const all = [...pages, ...(await run(pages.at(-1)?.position))];
    const seen = eventsIn(all).map(({ to, type, data }) => [to, type, data]);
    // The tables are read at the same time.
    expect(seen.slice(0, 2).toSorted()).toEqual([
      ['left', 't.inserted', { id: 1 }],
      ['right', 'u.inserted', { id: 2, n: 5 }],
    ]);
    expect(seen.slice(2)).toEqual([
      ['right', 'u.updated', { id: 2, n: 6 }],
      ['left', 't.updated', { id: 1 }],
    ]);
    await close();
  });

  test('come by the columns of the key, of any type and number', async () => {
    const { run, close } = await follow(
      `CREATE TABLE t (name text, id numeric, at timestamptz, PRIMARY KEY (at, name));
       INSERT INTO t SELECT 'x' || n % 3, n, '2026-01-01Z'::timestamptz + (n / 3) * interval '1 hour' FROM generate_series(0, 1200) n`,
    );
    const ids = changesIn(await run(undefined, { until: isDone })).map(([, , data]) => (data as { id: number }).id);
    expect(ids.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 1_201 }, (_, n) => n));
    await close();
  });
});

describe('what a statement saw', () => {
  const snapshot = parseSnapshot('4294967300:4294967310:4294967302,4294967305');
  test.each([
    [4294967299 % 2 ** 32, true],
    [4294967302 % 2 ** 32, false],
    [4294967303 % 2 ** 32, true],
    [4294967310 % 2 ** 32, false],
    [4294967290, true],
    [20, false],
  ])('transaction %i: %s, across the end of 32 bits', (xid, isSeen) => {
    expect(sees(snapshot, xid)).toBe(isSeen);
  });
});

describe('a change that the statement of a chunk did not see', () => {
  const rows = [
    { key: '1', json: '{"id":1,"big":9007199254740993,"note":"n"}', at: ['1'] },
    { key: '2', json: '{"id":2}', at: ['2'] },
  ];
  test('takes the row out of the chunk', () => {
    expect(overrule(rows, [{ key: '2', xid: 5 }])).toEqual([rows[0]]);
  });
  test('that has a part of the row is laid over it, with every digit', () => {
    const json = '{"id":1,"note":"new","unchanged":["big"]}';
    expect(overrule(rows, [{ key: '1', xid: 5, json }])).toEqual([
      { key: '1', json: '{"id":1,"big":9007199254740993,"note":"new"}', at: ['1'] },
      rows[1],
    ]);
    expect(
      overrule(rows, [
        { key: '1', xid: 5, json },
        { key: '1', xid: 6 },
      ]),
    ).toEqual([rows[1]]);
  });
});
