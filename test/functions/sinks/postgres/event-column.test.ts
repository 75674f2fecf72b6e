import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { positionOf, sequenceAt } from '../../../../functions/runtime/position.ts';
import type { OpenSink } from '../../../../functions/runtime/sink.ts';
import { columnsOf } from '../../../../functions/sinks/postgres/columns.ts';
import { eventNoter, readEventNote } from '../../../../functions/sinks/postgres/event-column.ts';
import { postgresDefinition } from '../../../../functions/sinks/postgres/postgres.ts';
import { type Given, logOf, sliceOf } from '../../../contracts/slices.ts';
import { client, database, server, useFreshDatabases } from './fresh-database.ts';

const position = positionOf('49590338271490256608559692538361571095921575989136588898', 7);
const SHARD = 'abcdefghijkl/shardId-000000000003';
const noted = (source: string, sequence?: string) =>
  eventNoter(SHARD)({ position, source, sequence } as Parameters<ReturnType<typeof eventNoter>>[0]);

describe('the note of an event', () => {
  const MADE = '/sensors/cleaning/abcdefghijkl/shardId-000000000012/0f1e2d.3';

  test('that a transform has made is its source and its sequence, in less bytes than they have', () => {
    const sequence = sequenceAt(position, 2);
    const note = noted(MADE, sequence);
    expect(readEventNote(note)).toEqual({ source: MADE, sequence, place: undefined });
    expect(note.length).toBeLessThan(MADE.length + sequence.length);
  });

  test('that came from outside says also where the log has it', () => {
    expect(readEventNote(noted('/site', '0017'))).toEqual({
      source: '/site',
      sequence: '0017',
      place: { shard: 'shardId-000000000003', position },
    });
  });

  test('of a replay has the same place as that of the step', () => {
    const note = eventNoter(`replay/x/${SHARD}`)({ position, source: 'a', sequence: '1' } as never);
    expect(readEventNote(note)?.place).toEqual({ shard: 'shardId-000000000003', position });
  });

  test.each([
    ['with a blank', 'a b'],
    ['with a tab', 'a\tb'],
    ['with a backslash', 'a\\N'],
    ['with a number sign', '/a/#1'],
    ['with a character of code 0', 'a\0'],
    ['that is no ASCII', 'é'],
    ['that is too long', 'x'.repeat(201)],
    ['that is empty', ''],
  ])('leaves out a source %s', (_, source) => {
    const place = { shard: 'shardId-000000000003', position };
    expect(readEventNote(noted(source))).toEqual({ source: undefined, sequence: undefined, place });
    const sequence = sequenceAt(position, 0);
    expect(readEventNote(noted(source, sequence))).toEqual({ source: undefined, sequence, place });
  });

  test.each(['', 'hello', '- -', 'a -', 'a 1 3/short', `a 1 3/${position} more`, `a 1 3/${position}/4`])(
    'is not %j',
    (text) => {
      expect(readEventNote(text)).toBeUndefined();
    },
  );
});

describe('the column of a row’s last event', () => {
  useFreshDatabases();
  const Reading = z.object({ id: z.string(), n: z.int32().optional() });
  const data = (...rows: readonly object[]): readonly Given[] => rows.map((row) => ({ data: row }));

  function open(options: object, create?: z.ZodType): OpenSink {
    const { host, port, password, user } = server;
    const login = { host, port, database, user, tls: 'off', auth: { password } };
    return postgresDefinition.open({
      step: 'test/sink',
      formerly: undefined,
      options: postgresDefinition.options.parse({ table: 't', create: create !== undefined, ...options }),
      resources: postgresDefinition.resources.parse({ ...login, ...(create && { columns: columnsOf(create) }) }),
    });
  }

  async function write(sink: OpenSink, given: readonly Given[], previous = 0): Promise<readonly string[]> {
    const events = logOf(given);
    const rejections = await sink.write(sliceOf({ shard: SHARD, events, previous, pageSize: 2 }));
    return rejections.map(({ message }) => message);
  }

  /** The place of each row's event in the log, from 0. */
  async function placesOf(given: readonly Given[], order = 'id, n'): Promise<unknown[][]> {
    const events = logOf(given);
    const { rows } = await client.query<[string, string | null]>({
      text: `SELECT id, millrace_event FROM t ORDER BY ${order}`,
      rowMode: 'array',
    });
    return rows.map(([id, note]) => {
      const at = readEventNote(note ?? '')?.place?.position;
      return [id, events.findIndex((event) => event.position === at)];
    });
  }

  test('is in a table that the sink creates, and names the last event of each key', async () => {
    const given = data({ id: 'a', n: 1 }, { id: 'b' }, { id: 'a', n: 2 });
    expect(await write(open({ key: ['id'] }, Reading), given)).toEqual([]);
    expect(await placesOf(given)).toEqual([
      ['a', 2],
      ['b', 1],
    ]);
  });

  test('names the event of each row that is appended', async () => {
    const given = data({ id: 'a', n: 1 }, { id: 'a', n: 2 }, { id: 'b' });
    expect(await write(open({}, Reading), given)).toEqual([]);
    expect(await placesOf(given)).toEqual([
      ['a', 0],
      ['a', 1],
      ['b', 2],
    ]);
  });

  test('is right in rows of a block in which the database rejects another row', async () => {
    await client.query('CREATE TABLE t (millrace_event text NOT NULL, id text PRIMARY KEY, n int CHECK (n < 5))');
    const given = data({ id: 'a', n: 1 }, { id: 'b', n: 7 }, { id: 'c', n: 3 });
    expect(await write(open({ key: ['id'] }), given)).toHaveLength(1);
    expect(await placesOf(given)).toEqual([
      ['a', 0],
      ['c', 2],
    ]);
  });

  test('of a mirror names the last change, also of one that leaves columns as they are', async () => {
    const sink = open({ key: ['id'], mode: 'mirror' }, Reading);
    const change = (type: string, row: object): Given => ({ type: `t.${type}`, data: row });
    const given = [
      change('inserted', { id: 'a', n: 1 }),
      change('inserted', { id: 'b', n: 1 }),
      change('updated', { id: 'a', unchanged: ['n'] }),
      change('deleted', { id: 'b' }),
    ];
    expect(await write(sink, given)).toEqual([]);
    expect(await placesOf(given)).toEqual([['a', 2]]);
    expect((await client.query('SELECT n FROM t')).rows).toEqual([{ n: 1 }]);
  });

  test('is nobody’s where the table does not have it, or has it with another type', async () => {
    await client.query('CREATE TABLE t (id text PRIMARY KEY, n int, millrace_event bigint)');
    expect(await write(open({ key: ['id'] }), data({ id: 'a', n: 1 }))).toEqual([]);
    await client.query('ALTER TABLE t DROP COLUMN millrace_event');
    expect(await write(open({ key: ['id'] }), data({ id: 'a', n: 1 }, { id: 'b' }), 1)).toEqual([]);
    expect((await client.query('SELECT * FROM t ORDER BY id')).rows).toEqual([
      { id: 'a', n: 1 },
      { id: 'b', n: null },
    ]);
  });

  test('is no field of events: an event with a field of this name stops the step', async () => {
    const sink = open({ key: ['id'] }, Reading);
    await expect(write(sink, data({ id: 'a', millrace_event: 'mine' }))).rejects.toThrow('millrace_event');
  });

  test('is readable for operators with the key, and nothing else of the row', async () => {
    const reader = await client.query("SELECT FROM pg_roles WHERE rolname = 'millrace_reader'");
    if (reader.rowCount === 0) await client.query('CREATE ROLE millrace_reader');
    await write(open({ key: ['id'] }, Reading), data({ id: 'a', n: 1 }));
    const { rows } = await client.query(
      `SELECT a.attname AS name FROM pg_attribute a WHERE a.attrelid = 't'::regclass AND a.attnum > 0
          AND has_column_privilege('millrace_reader', a.attrelid, a.attnum, 'SELECT') ORDER BY a.attnum`,
    );
    expect(rows.map(({ name }) => name)).toEqual(['id', 'millrace_event']);
  });
});
