import { expect, test } from 'vitest';
import type { Database } from '../../../../functions/clients/postgres.ts';
import { eventsOf, type FixedChunk } from '../../../../functions/sources/postgres-changes/fixed-chunk.ts';
import { follow } from '../../../../functions/sources/postgres-changes/relations.ts';
import {
  MOST_PASSED,
  type SnapshotTable,
  takeSnapshot,
} from '../../../../functions/sources/postgres-changes/take-snapshot.ts';
import { noDeadline } from '../../../eventually.ts';

/** A table with the columns `id` and `name`. */
function tableNamed(table: string): SnapshotTable {
  const columns = [
    { name: 'id', type: 23, typeName: 'integer', isNullable: false, isIdentity: true },
    { name: 'name', type: 25, typeName: 'text', isNullable: true, isIdentity: false },
  ];
  const fields = columns.map(({ name }) => ({ name, accepts: [], isRequired: false }));
  const following = {
    tables: new Map([[`public.${table}`, { primaryKey: ['id'], fields, to: undefined }]]),
    types: new Map(),
  };
  const followed = follow({ schema: 'public', table, isFull: false, columns }, following);
  const catalogue = { written: table, schema: 'public', table, kind: 'r', identity: 'd', primaryKey: ['id'] };
  return {
    table: { ...catalogue, identityColumns: ['id'], filter: null, mayRead: true, isPublished: true, columns },
    followed: followed as SnapshotTable['followed'],
  };
}

/** A server with tables of so many rows. Its statements see the transactions that `sees` says. */
function serverWith(rows: Readonly<Record<string, number>>, sees = { snapshot: '100:100:' }) {
  const statements: string[] = [];
  const said: string[] = [];
  const query = async (asked: string | { text: string }, values: readonly string[] = []) => {
    const text = typeof asked === 'string' ? asked : asked.text;
    if (text.includes('pg_logical_emit_message')) said.push(values[1] ?? '');
    if (text === 'SELECT pg_current_snapshot()::text AS text') return { rows: [{ text: sees.snapshot }] };
    const [, table = ''] = /FROM "(\w+)"/.exec(text) ?? [];
    if (table === '') return { rows: [] };
    statements.push(table);
    const after = Number(/> \('(\d+)'/.exec(text)?.[1] ?? 0);
    const most = Number(/LIMIT (\d+)/.exec(text)?.[1]);
    const count = Math.min(most, (rows[table] ?? 0) - after);
    const snapshot = sees.snapshot;
    return { rows: Array.from({ length: count }, (_, index) => [snapshot, `${after + index + 1}`, 'old']) };
  };
  const lane: Database = { use: async (_, work) => work({ query } as never), close: async () => undefined };
  const opened = (names: readonly string[], more: { lanes?: number; isPaused?: boolean; passed?: number[] } = {}) =>
    takeSnapshot(
      { left: names.map((name) => ({ table: `public.${name}`, rows: 0 })), passed: more.passed ?? [] },
      {
        slot: 's',
        tables: new Map(names.map((name) => [`public.${name}`, tableNamed(name)])),
        database: lane,
        lanes: Array.from({ length: more.lanes ?? 4 }, () => lane),
        isPaused: more.isPaused ?? false,
        signal: noDeadline(),
      },
    );
  return { statements, said, opened };
}

/** Lets the statements that were sent be answered. */
const answered = () => new Promise((resolve) => setImmediate(resolve));

const keysIn = (chunk: FixedChunk | undefined): readonly string[] =>
  chunk === undefined ? [] : eventsOf(chunk, 1n).map(({ key }) => key);

const ROOM = 44 * 1024;

test('four tables are read at once, in the order in which they are left, and the next one when one of them is done', async () => {
  const { statements, said, opened } = serverWith({ f: 1, b: 900, e: 900, a: 900, d: 1, c: 1 });
  const taking = opened(['f', 'b', 'e', 'a', 'd', 'c']);
  taking.readOn(undefined);
  await answered();
  taking.readOn(undefined);
  expect(statements).toEqual(['f', 'b', 'e', 'a']);
  expect(taking.reached(said[0] ?? '', 5n)).toBe(true);
  expect(keysIn(taking.take(ROOM))).toEqual(['1']);
  taking.readOn(undefined);
  await answered();
  expect(statements).toEqual(['f', 'b', 'e', 'a', 'd']);
  expect(taking.now()?.left.map(({ table }) => table)).toEqual([
    'public.b',
    'public.e',
    'public.a',
    'public.d',
    'public.c',
  ]);
});

test('a chunk is put where the log has its own message, whichever table began first, and each table goes on behind its own rows', async () => {
  const { said, opened } = serverWith({ a: 700, b: 700 });
  const taking = opened(['a', 'b']);
  taking.readOn(undefined);
  await answered();
  expect(taking.reached('somebody else', 5n)).toBe(false);
  expect(taking.reached(said[1] ?? '', 6n)).toBe(true);
  expect(taking.take(ROOM)).toMatchObject({ table: 'b', lsn: '0/6' });
  expect(taking.now()?.left).toEqual([
    { table: 'public.a', rows: 0 },
    { table: 'public.b', rows: 500, after: ['500'] },
  ]);
});

test('a change that came while the chunk was read overrules it in its own table, when the statement did not see it', async () => {
  const { said, opened } = serverWith({ a: 3, b: 3 }, { snapshot: '100:102:101' });
  const taking = opened(['a', 'b']);
  taking.readOn(undefined);
  taking.changed('public.a', { key: '1', xid: 99 });
  taking.changed('public.a', { key: '2', xid: 101 });
  await answered();
  taking.reached(said[0] ?? '', 5n);
  expect(keysIn(taking.take(ROOM))).toEqual(['1', '3']);
  taking.reached(said[1] ?? '', 6n);
  expect(keysIn(taking.take(ROOM))).toEqual(['1', '2', '3']);
  expect(taking.now()).toBeUndefined();
});

test('every chunk is read again whose statement does not see a transaction that was passed before', async () => {
  const sees = { snapshot: '100:102:101' };
  const { statements, said, opened } = serverWith({ a: 2, b: 2 }, sees);
  const taking = opened(['a', 'b'], { passed: [99, 101] });
  taking.readOn(undefined);
  await answered();
  for (const [index, lsn] of [5n, 6n].entries()) {
    taking.reached(said[index] ?? '', lsn);
    expect(taking.take(ROOM)).toBeUndefined();
  }
  expect(taking.now()?.passed).toEqual([101]);
  sees.snapshot = '103:103:';
  taking.readOn(undefined);
  await answered();
  expect(statements).toEqual(['a', 'b', 'a', 'b']);
  taking.reached(said[2] ?? '', 7n);
  expect(keysIn(taking.take(ROOM))).toEqual(['1', '2']);
  expect(taking.now()?.passed).toEqual([]);
});

test('a transaction in the middle of which the reader stands counts as passed before', async () => {
  const { said, opened } = serverWith({ a: 2 }, { snapshot: '100:102:101' });
  const taking = opened(['a']);
  taking.readOn(101);
  await answered();
  taking.reached(said[0] ?? '', 5n);
  expect(taking.take(ROOM)).toBeUndefined();
});

test('a truncation spoils the chunk of its table, and no other', async () => {
  const { said, opened } = serverWith({ a: 2, b: 2 });
  const taking = opened(['a', 'b']);
  taking.readOn(undefined);
  taking.truncated('public.a');
  await answered();
  taking.reached(said[0] ?? '', 5n);
  expect(taking.take(ROOM)).toBeUndefined();
  taking.reached(said[1] ?? '', 6n);
  expect(keysIn(taking.take(ROOM))).toEqual(['1', '2']);
});

test('of chunks that wait behind too many changes, the one with the most is read again', async () => {
  const { statements, said, opened } = serverWith({ a: 2, b: 2 });
  const taking = opened(['a', 'b']);
  taking.readOn(undefined);
  await answered();
  for (let count = 0; count < 199_999; count++) taking.changed('public.b', { key: '9', xid: 1 });
  taking.changed('public.a', { key: '9', xid: 1 });
  taking.readOn(undefined);
  await answered();
  expect(statements).toEqual(['a', 'b']);
  taking.changed('public.a', { key: '9', xid: 1 });
  taking.readOn(undefined);
  await answered();
  expect(statements).toEqual(['a', 'b', 'b']);
  expect(taking.reached(said[1] ?? '', 5n)).toBe(false);
});

test('few transactions are remembered: what a statement sees finished is forgotten, and too many stop the run', async () => {
  const sees = { snapshot: '2000:2000:' };
  const { opened } = serverWith({ a: 2 }, sees);
  const taking = opened(['a']);
  for (let xid = 1; xid <= MOST_PASSED; xid++) taking.passed(xid);
  await taking.prune();
  expect(taking.now()?.passed).toEqual([]);
  sees.snapshot = '1:1:';
  for (let xid = 1; xid <= MOST_PASSED; xid++) taking.passed(xid);
  await expect(taking.prune()).rejects.toThrow(`${MOST_PASSED} transactions are in the log that no statement sees`);
});

test('a paused snapshot sends no statement, and keeps what is left', async () => {
  const { statements, opened } = serverWith({ a: 2 });
  const taking = opened(['a'], { isPaused: true });
  taking.readOn(undefined);
  await answered();
  expect(statements).toEqual([]);
  expect(taking.now()?.left).toEqual([{ table: 'public.a', rows: 0 }]);
});

test('a chunk has as many rows as the position has room for, and one at least', async () => {
  const { said, opened } = serverWith({ a: 400 });
  const taking = opened(['a']);
  taking.readOn(undefined);
  await answered();
  taking.reached(said[0] ?? '', 5n);
  expect(keysIn(taking.take(1))).toEqual(['1']);
  expect(taking.now()?.left).toEqual([{ table: 'public.a', rows: 1, after: ['1'] }]);
});
