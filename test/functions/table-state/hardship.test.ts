import { setTimeout as delay } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { z } from 'zod';
import type { OpenSink } from '../../../functions/runtime/sink.ts';
import { defineTable } from '../../../functions/runtime/table.ts';
import { tableDefinition } from '../../../functions/table-state/table-handler.ts';
import { type Given, logOf, sliceOf } from '../../contracts/slices.ts';
import { client, database, server, useFreshDatabases } from '../sinks/postgres/fresh-database.ts';

useFreshDatabases();

const Row = z.object({ id: z.string(), n: z.int32() });
const counts = defineTable({
  entry: '',
  from: Row,
  row: Row,
  key: ['id'],
  reduce: (row, { data: { id, n } }) => ({ id, n: (row?.n ?? 0) + n }),
});
const STATE = 'shop."counts state 1"';

function open(): OpenSink {
  const { host, port, user, password } = server;
  const { resources, open: openSink } = tableDefinition(counts);
  const login = resources.parse({ host, port, database, user, tls: 'off', auth: { password } });
  return openSink({ step: 'shop/counts', options: undefined, resources: login });
}

const one = (id: string): Given => ({ key: id, data: { id, n: 1 } });

function write(sink: OpenSink, given: readonly Given[], previous = 0): Promise<unknown> {
  return sink.write(sliceOf({ step: 'shop/counts', events: logOf(given), previous, pageSize: 1_000 }));
}

async function firstValue(statement: string): Promise<unknown> {
  const { rows } = await client.query({ text: statement, rowMode: 'array' });
  return rows[0]?.[0];
}

test('a deadlock with another client leaves nothing of the batch behind, and the next delivery counts once', async () => {
  // New connections notice a deadlock at once; the other client waits, so the step is the one that gives up.
  await client.query(`ALTER DATABASE ${database} SET deadlock_timeout = '20ms'`);
  await write(open(), [one('a'), one('b')]);
  // The step has locked the first row, and waits before the second one until the other client wants the first.
  await client.query(`CREATE FUNCTION pause() RETURNS trigger LANGUAGE plpgsql AS
      $$ BEGIN PERFORM pg_advisory_xact_lock_shared(1); RETURN NEW; END $$;
    CREATE TRIGGER pause BEFORE UPDATE ON ${STATE} FOR EACH ROW WHEN (OLD.id = 'a') EXECUTE FUNCTION pause();
    SELECT pg_advisory_lock(1)`);
  const other = await server.connect(database);
  const lock = (id: string) => `UPDATE ${STATE} SET "millrace event key" = "millrace event key" WHERE id = '${id}'`;
  await other.query(`SET deadlock_timeout = '1min'; BEGIN; ${lock('b')}`);
  const batch = logOf([one('a'), one('b')]);
  const slice = () => sliceOf({ step: 'shop/counts', events: batch, previous: 1 });
  const written = open().write(slice());
  written.catch(() => undefined);
  await waiting('advisory');
  const taken = other.query(lock('a'));
  await waiting('transactionid');
  await client.query('SELECT pg_advisory_unlock(1)');
  await expect(written).rejects.toThrow('deadlock detected');
  await taken;
  await other.query('ROLLBACK');
  await other.end();
  expect(await firstValue('SELECT sum(n)::int FROM shop.counts')).toBe(2);
  expect(await open().write(slice())).toEqual([]);
  expect(await firstValue('SELECT array_agg(n ORDER BY id) FROM shop.counts')).toEqual([2, 2]);
});

/** Resolves once a session waits for a lock of this kind. */
async function waiting(kind: string): Promise<void> {
  const text = `SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND wait_event = $1`;
  while ((await client.query(text, [kind])).rowCount === 0) await delay(5);
}

test('a row is written once for all events of a slice, not once for each', async () => {
  const sink = open();
  await write(sink, [one('hot')]);
  await client.query(`CREATE TABLE writes (n int); CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS
      $$ BEGIN INSERT INTO writes VALUES (1); RETURN NULL; END $$;
    CREATE TRIGGER note AFTER UPDATE ON ${STATE} FOR EACH ROW EXECUTE FUNCTION note()`);
  expect(
    await write(
      sink,
      Array.from({ length: 3_000 }, () => one('hot')),
      1,
    ),
  ).toEqual([]);
  expect(await firstValue('SELECT n FROM shop.counts')).toBe(3_001);
  expect(await firstValue('SELECT count(*)::int FROM writes')).toBe(1);
});

/** In a quick run a table has 100,000 keys; `MILLION_KEYS=1` makes it a million, which takes some CPU seconds. */
const KEYS = process.env.MILLION_KEYS === undefined ? 100_000 : 1_000_000;

test(`in a table of ${KEYS.toLocaleString('en-US')} keys a batch finds its rows by their ids, without reading the others`, async () => {
  const sink = open();
  await write(sink, [one('k1')]);
  await client.query(`INSERT INTO ${STATE}
      SELECT '["k' || i || '"]', 'k' || i, json_build_object('id', 'k' || i, 'n', 1), 'k' || i, 1
        FROM generate_series(2, ${KEYS}) AS i`);
  const batch = Array.from({ length: 100 }, (_, n) => one(`k${n * (KEYS / 100) + 1}`));
  expect(await write(sink, batch, 1)).toEqual([]);
  expect(await firstValue(`SELECT n FROM shop.counts WHERE id = 'k1'`)).toBe(2);
  expect(await firstValue('SELECT count(*)::int FROM shop.counts WHERE n = 2')).toBe(100);
  // By the index of the ids, in a table without statistics too.
  const plan = await client.query({
    text: `EXPLAIN SELECT "millrace id" FROM ${STATE} WHERE "millrace id" = ANY ($1::text[])`,
    values: [batch.map(({ key }) => `["${key}"]`)],
    rowMode: 'array',
  });
  expect(plan.rows.join()).toMatch(/Index Scan|Bitmap Index Scan/);
});

test('a process keeps the rows that it has written, and notices when somebody else has changed one', async () => {
  const sink = open();
  expect(await write(sink, [one('a'), one('b')])).toEqual([]);
  expect(await write(sink, [one('a'), one('c')], 1)).toEqual([]);
  // It does not read the row again, so it learns of this only when it writes.
  await client.query(`UPDATE ${STATE} SET n = 10, "millrace row" = '{"id":"a","n":10}' WHERE id = 'a'`);
  await expect(write(sink, [one('b'), one('a')], 2)).rejects.toThrow(/wrote a row of .* at the same time/);
  expect(await write(sink, [one('b'), one('a')], 2)).toEqual([]);
  expect(await firstValue('SELECT array_agg(n ORDER BY id) FROM shop.counts')).toEqual([11, 2, 1]);
});

test('rows that another process has written meanwhile are read again', async () => {
  const [one_, other] = [open(), open()];
  expect(await write(one_, [one('a')])).toEqual([]);
  expect(await write(other, [one('a')], 1)).toEqual([]);
  expect(await write(one_, [one('a')], 2)).toEqual([]);
  expect(await firstValue(`SELECT n FROM shop.counts WHERE id = 'a'`)).toBe(3);
});

test('a slice whose commit fails leaves no rows in memory: the next attempt counts from what is committed', async () => {
  const sink = open();
  expect(await write(sink, [one('a')])).toEqual([]);
  const broken = sliceOf({ step: 'shop/counts', events: logOf([one('a'), one('b')]), previous: 0 });
  await expect(sink.write(broken)).rejects.toThrow();
  expect(await write(sink, [one('a'), one('b')], 1)).toEqual([]);
  expect(await firstValue('SELECT array_agg(n ORDER BY id) FROM shop.counts')).toEqual([2, 1]);
});
