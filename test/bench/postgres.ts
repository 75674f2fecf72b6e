import { deepStrictEqual } from 'node:assert';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type pg from 'pg';
import { copyIn } from '../../functions/clients/postgres.ts';
import type { ReceivedEvent } from '../../functions/runtime/event.ts';
import type { OpenSink } from '../../functions/runtime/sink.ts';
import { postgresDefinition, postgresSink } from '../../functions/sinks/postgres/postgres.ts';
import { openSinkWith } from '../contracts/sink-harnesses.ts';
import { logOf, sliceOf } from '../contracts/slices.ts';
import { type PostgresServer, startPostgres } from '../kit/servers.ts';
import { type Comparison, type Measured, measure, runAlone } from './rounds.ts';

const COLUMNS = ['order_id', 'line', 'customer', 'region', 'sales', 'quantity', 'ordered', 'status'] as const;
const TABLE = `order_id text, line integer, customer text, region text, sales double precision, quantity bigint,
  ordered timestamptz, status text`;
const KEY = ['order_id', 'line'] as const;
const COPY_BYTES = 128 * 1024;
/** Rows in one statement. More are not faster, and Postgres allows 65,535 parameters. */
const ROWS_A_STATEMENT = 1000;
const ROUNDS = 7;

type Row = Readonly<Record<(typeof COLUMNS)[number], string | number>>;

/**
 * Compares the Postgres sink, from events to a committed transaction with its position, with the fastest ways to load
 * Postgres:
 *
 * - appending: with `\copy` of the same rows by psql. psql is not part of the product; without it the target applies to
 *   the next row, a COPY of the same rows as text in memory, sent in large chunks.
 * - upserting: with multi-row `INSERT … ON CONFLICT` of prepared objects in one transaction. A statement must not name
 *   a key twice, so both sides find the last row of each key first. A stream of changes has several events of a key, so
 *   the target is for four; the rows without a target show the sink where it cannot reduce anything.
 */
async function benchPostgres(): Promise<readonly Measured[]> {
  await using running = new AsyncDisposableStack();
  const server = await startPostgres({ flags: ['-c', 'fsync=on', '-c', 'max_wal_size=8GB'] });
  running.defer(server.stop);
  const database = await server.createDatabase();
  const client = await server.connect(database);
  running.defer(() => client.end());
  await client.query(`CREATE TABLE appended (${TABLE}); CREATE TABLE upserted (${TABLE}, PRIMARY KEY (${KEY}))`);
  const target: Target = { server, client, running };
  const comparisons = [...(await appending(target)), ...(await upserting(target))];
  const results: Measured[] = [];
  for (const comparison of comparisons) results.push(await measure(comparison));
  return results;
}

interface Target {
  readonly server: PostgresServer;
  readonly client: pg.Client;
  readonly running: AsyncDisposableStack;
}

async function appending(target: Target): Promise<readonly Comparison[]> {
  const { client } = target;
  const rows = changes({ events: 100_000, keys: 100_000 });
  const text = Buffer.from(rows.map((row) => `${Object.values(row).join('\t')}\n`).join(''));
  const events = logOf(rows.map((data) => ({ data })));
  const sink = writer(target, { table: 'appended' });
  const common = {
    name: 'postgres: append 100,000 rows and the position',
    rounds: ROUNDS,
    before: () => client.query('TRUNCATE appended'),
    ours: () => sink(events),
  };
  const psql = await startPsql(target, text);
  const ready: Comparison = {
    ...common,
    versus: 'COPY of their text, ready in memory',
    target: psql === undefined ? 0.8 : undefined,
    other: async () => {
      const copy = copyIn(client, 'COPY appended FROM STDIN');
      for (let at = 0; at < text.length; at += COPY_BYTES) await copy.write(text.subarray(at, at + COPY_BYTES));
      await copy.finish();
    },
  };
  const comparisons =
    psql === undefined ? [ready] : [{ ...common, versus: '\\copy by psql', target: 0.8, other: psql }, ready];
  for (const comparison of comparisons) await compareOutputs(client, 'appended', comparison);
  return comparisons;
}

/** Returns a function that copies the file with psql, which is already running. Returns undefined without psql. */
async function startPsql(
  { server, client, running }: Target,
  text: Buffer,
): Promise<(() => Promise<void>) | undefined> {
  const { host, port, user, password } = server;
  const directory = await mkdtemp(join(tmpdir(), 'millrace-psql-'));
  const file = join(directory, 'rows');
  await writeFile(file, text);
  const args = ['-X', '-q', '-h', host, '-p', `${port}`, '-U', user, '-d', `${client.database}`];
  const psql = spawn('psql', args, {
    env: { ...process.env, PGPASSWORD: password },
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const started = once(psql, 'spawn').then(
    () => true,
    () => false,
  );
  running.defer(() => rm(directory, { recursive: true }));
  if (!(await started)) return undefined;
  running.defer(async () => {
    psql.stdin.end();
    await once(psql, 'close');
  });
  psql.stdout.resume();
  return async () => {
    psql.stdin.write(`\\copy appended from '${file}'\n\\echo done\n`);
    await once(psql.stdout, 'data');
  };
}

async function upserting(target: Target): Promise<readonly Comparison[]> {
  const { client } = target;
  const sink = writer(target, { table: 'upserted', key: KEY });
  const stream = changes({ events: 50_000, keys: 12_500 });
  const distinct = changes({ events: 50_000, keys: 50_000 });
  const older = distinct.map((row) => ({ ...row, status: 'PENDING' }));
  const empty = () => client.query('TRUNCATE upserted');
  const comparison = (name: string, rows: readonly Row[]) => {
    const events = logOf(rows.map((data) => ({ data })));
    return {
      name,
      versus: 'multi-row INSERT … ON CONFLICT',
      rounds: ROUNDS,
      ours: () => sink(events),
      other: () => insertRows(client, rows),
    };
  };
  const comparisons: readonly Comparison[] = [
    { ...comparison('postgres: upsert 50,000 changes of 12,500 rows', stream), target: 2, before: empty },
    { ...comparison('postgres: upsert 50,000 new rows', distinct), target: undefined, before: empty },
    {
      ...comparison('postgres: upsert 50,000 rows that are there', distinct),
      target: undefined,
      before: async () => {
        await empty();
        await insertRows(client, older);
      },
    },
  ];
  for (const each of comparisons) await compareOutputs(client, 'upserted', each);
  return comparisons;
}

/** Writes the slices of one shard in turn. */
function writer(
  { server, client }: Target,
  options: { readonly table: string; readonly key?: readonly string[] },
): (events: readonly ReceivedEvent[]) => Promise<void> {
  const { host, port, user, password } = server;
  const resources = { host, port, database: client.database, user, tls: 'off', auth: { password } };
  const sink: OpenSink = openSinkWith(postgresDefinition, { options: postgresSink(options).options, resources });
  let previous = 0;
  return async (events) => {
    const rejections = await sink.write(
      sliceOf({ events, previous: previous++, shard: options.table, pageSize: 5000 }),
    );
    deepStrictEqual(rejections, []);
  };
}

async function insertRows(client: pg.Client, rows: readonly Row[]): Promise<void> {
  const assignments = COLUMNS.filter((name) => !KEY.some((key) => key === name)).map(
    (name) => `${name} = EXCLUDED.${name}`,
  );
  await client.query('BEGIN');
  for (let start = 0; start < rows.length; start += ROWS_A_STATEMENT) {
    const slice = rows.slice(start, start + ROWS_A_STATEMENT);
    const last = [...new Map(slice.map((row) => [`${row.order_id} ${row.line}`, row])).values()];
    let parameter = 0;
    const values = last.map(() => `(${COLUMNS.map(() => `$${++parameter}`)})`);
    await client.query(
      `INSERT INTO upserted (${COLUMNS}) VALUES ${values} ON CONFLICT (${KEY}) DO UPDATE SET ${assignments}`,
      last.flatMap((row) => COLUMNS.map((name) => row[name])),
    );
  }
  await client.query('COMMIT');
}

async function compareOutputs(client: pg.Client, table: string, { before, ours, other }: Comparison): Promise<void> {
  const outputs: unknown[] = [];
  for (const run of [ours, other]) {
    await before?.();
    await run();
    const { rows } = await client.query(
      `SELECT count(*), md5(string_agg(t::text, ',' ORDER BY order_id, line)) FROM ${table} t`,
    );
    outputs.push(rows);
  }
  deepStrictEqual(outputs[0], outputs[1]);
}

/** Makes changes of order lines: that many events of that many keys, with the events of a key far apart. */
function changes({ events, keys }: { readonly events: number; readonly keys: number }): readonly Row[] {
  return Array.from({ length: events }, (_, index) => {
    const key = index % keys;
    return {
      order_id: `CA-2014-${100_000 + (key >> 2)}`,
      line: key & 3,
      customer: `Customer Näme ${key % 793}`,
      region: ['West', 'East', 'South', 'Central'][key & 3] as string,
      sales: Math.round(index * 1237.77) / 100,
      quantity: index % 14,
      ordered: new Date(Date.UTC(2014, 0, 1, index)).toISOString(),
      status: 'COMPLETE',
    };
  });
}

if (import.meta.main) await runAlone(benchPostgres);
