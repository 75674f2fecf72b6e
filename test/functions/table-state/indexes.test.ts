import { setTimeout as delay } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { defineTable } from '../../../functions/runtime/table.ts';
import { buildIndexes } from '../../../functions/table-state/build-indexes.ts';
import { tableDefinition } from '../../../functions/table-state/table-handler.ts';
import { logOf, sliceOf } from '../../contracts/slices.ts';
import { client, database, server, useFreshDatabases } from '../sinks/postgres/fresh-database.ts';

useFreshDatabases();

const Row = z.object({ id: z.string(), region: z.string(), n: z.number() });
const latest = defineTable({ entry: '', from: Row, row: Row, key: ['id'], reduce: (_, { data }) => data });
const STATE = 'shop."latest state 1"';

const login = () => {
  const { host, port, user, password } = server;
  return tableDefinition(latest).resources.parse({ host, port, database, user, tls: 'off', auth: { password } });
};

interface Opening {
  readonly indexes?: string[][];
  readonly step?: string;
  readonly formerly?: string;
}

/** Opens a step as a new process does, and lets it write one row. */
async function write(previous: number, { indexes, step = 'shop/latest', formerly }: Opening = {}): Promise<void> {
  const options = indexes === undefined ? undefined : { indexes };
  const sink = tableDefinition(latest).open({ step, formerly, options, resources: login() });
  const events = logOf([{ key: 'a', data: { id: 'a', region: 'r', n: previous } }]);
  expect(await sink.write(sliceOf({ step, events, previous }))).toEqual([]);
}

async function indexesOf(state = STATE): Promise<readonly string[]> {
  const { rows } = await client.query<{ definition: string }>(
    `SELECT pg_get_indexdef(indexrelid) || CASE WHEN indisvalid THEN '' ELSE ' INVALID' END AS definition
       FROM pg_index WHERE indrelid = $1::regclass AND NOT indisprimary`,
    [state],
  );
  return rows.map(({ definition }) => definition.replace(/^CREATE INDEX .* USING btree /, '')).toSorted();
}

/** The index of the key, which every state has. */
const always = ['(id)'];

async function untilIndexes(wanted: readonly string[], state = STATE): Promise<void> {
  const expected = [...always, ...wanted].toSorted();
  for (let tries = 1; tries < 200; tries++) {
    if (JSON.stringify(await indexesOf(state)) === JSON.stringify(expected)) return;
    await delay(20);
  }
  expect(await indexesOf(state)).toEqual(expected);
}

test('a new table gets the indexes that its pipeline names, together with the table', async () => {
  await write(0, { indexes: [['region'], ['n', 'id']] });
  expect(await indexesOf()).toEqual([...always, '(n, id)', '(region)'].toSorted());
});

test('a table that has rows gets a new index beside the traffic, and loses one that is named no more', async () => {
  await write(0, { indexes: [['region']] });
  // A reader and a writer hold the table meanwhile.
  const reader = await server.connect(database);
  await reader.query(`BEGIN; SELECT * FROM ${STATE}`);
  await write(1, { indexes: [['n']] });
  await write(2, { indexes: [['n']] });
  await reader.query('COMMIT');
  await reader.end();
  await untilIndexes(['(n)']);
  await write(3);
  await untilIndexes([]);
});

test("an index of the user's own is left alone", async () => {
  await write(0);
  await client.query(`CREATE INDEX "latest index mine" ON ${STATE} (n); CREATE INDEX by_region ON ${STATE} (region)`);
  await write(1, { indexes: [['id', 'n']] });
  await untilIndexes(['(id, n)', '(n)', '(region)']);
  await write(2);
  await untilIndexes(['(n)', '(region)']);
});

test('an index whose build failed is made again by the next process', async () => {
  await write(0);
  const state = { name: STATE, columns: [], hasState: false, hasWindows: false };
  const build = { step: 'shop/latest', state, indexes: [['n']] };
  const holder = await server.connect(database);
  await holder.query(`BEGIN; INSERT INTO ${STATE} VALUES ('x', 'x', '{}', 'x', 'x', 1)`);
  const cut = buildIndexes(login(), build);
  cut.catch(() => undefined);
  const waiting = `SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE 'CREATE INDEX CONC%'`;
  while ((await client.query(waiting)).rowCount === 0) await delay(10);
  await client.query(`SELECT pg_terminate_backend(pid) FROM (${waiting}) AS waiting`);
  await expect(cut).rejects.toThrow();
  await holder.query('ROLLBACK');
  await holder.end();
  expect(await indexesOf()).toEqual([...always, '(n) INVALID'].toSorted());
  await write(1, { indexes: [['n']] });
  await untilIndexes(['(n)']);
});

test('one process builds at a time, and a second one neither waits nor drops what the first is building', async () => {
  await write(0);
  const build = {
    step: 'shop/latest',
    state: { name: STATE, columns: [], hasState: false, hasWindows: false },
    indexes: [['n']],
  };
  const [one, other] = await Promise.all([buildIndexes(login(), build), buildIndexes(login(), build)]);
  expect([...one, ...other].filter((statement) => statement.startsWith('DROP'))).toEqual([]);
  await untilIndexes(['(n)']);
});

test('a renamed step takes its indexes over, so that another table may have the former name', async () => {
  await write(0, { indexes: [['n']] });
  await write(0, { step: 'shop/newest', formerly: 'shop/latest', indexes: [['n']] });
  await write(0, { step: 'shop/last', indexes: [['n']] });
  await client.query("DELETE FROM millrace_progress WHERE step = 'shop/latest'");
  await write(0, { indexes: [['n']] });
  for (const table of ['latest', 'newest', 'last']) await untilIndexes(['(n)'], `shop."${table} state 1"`);
});

test('a state table keeps room for updates and is vacuumed early', async () => {
  await write(0);
  expect(await optionsOf()).toEqual([
    'autovacuum_analyze_scale_factor=0.05',
    'autovacuum_vacuum_scale_factor=0.02',
    'autovacuum_vacuum_threshold=1000',
    'fillfactor=80',
  ]);
});

test('a state table of an earlier version gets the settings once, without being rewritten, and keeps what the user set', async () => {
  await write(0);
  const settings = await optionsOf();
  const names = settings.map((setting) => setting.replace(/=.*/, '')).join(', ');
  const file = async () => (await client.query(`SELECT pg_relation_filenode('${STATE}') AS file`)).rows;
  const before = await file();
  await client.query(`ALTER TABLE ${STATE} RESET (${names})`);
  await write(1);
  expect(await optionsOf()).toEqual(settings);
  expect(await file()).toEqual(before);
  await client.query(`ALTER TABLE ${STATE} RESET (${names}); ALTER TABLE ${STATE} SET (fillfactor = 50)`);
  await write(2);
  expect(await optionsOf()).toEqual(['fillfactor=50']);
});

test('while something holds a table of an earlier version, the settings wait for the next process', async () => {
  await write(0);
  await client.query(`ALTER TABLE ${STATE} RESET (fillfactor, autovacuum_vacuum_threshold,
    autovacuum_vacuum_scale_factor, autovacuum_analyze_scale_factor)`);
  const holder = await server.connect(database);
  await holder.query(`BEGIN; LOCK TABLE ${STATE} IN SHARE UPDATE EXCLUSIVE MODE`);
  await write(1);
  expect(await optionsOf()).toEqual([]);
  await holder.query('COMMIT');
  await holder.end();
  await write(2);
  expect(await optionsOf()).toContain('fillfactor=80');
});

async function optionsOf(): Promise<readonly string[]> {
  const { rows } = await client.query<{ options: string[] | null }>(
    `SELECT reloptions AS options FROM pg_class WHERE oid = '${STATE}'::regclass`,
  );
  return (rows[0]?.options ?? []).toSorted();
}
