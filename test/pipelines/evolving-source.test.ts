import type pg from 'pg';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { z } from 'zod';
import { openPullHandler } from '../../functions/runtime/pull-handler.ts';
import { openRequestHandler } from '../../functions/runtime/request-handler.ts';
import { fieldTypesOf } from '../../functions/sinks/postgres/columns.ts';
import { httpDefinition, httpSource } from '../../functions/sources/http/http.ts';
import {
  postgresChangesDefinition,
  postgresChangesSource,
} from '../../functions/sources/postgres-changes/postgres-changes.ts';
import { postgresQueryDefinition, postgresQuerySource } from '../../functions/sources/postgres-query/postgres-query.ts';
import { posted } from '../contracts/source-harnesses.ts';
import { eventually } from '../eventually.ts';
import { type Engine, eventsOf, invocation, startEngine } from '../functions/runtime/engine-kit.ts';
import { type PostgresServer, startPostgres } from '../kit/servers.ts';

const Customer = z.object({ id: z.int(), version: z.int() });
type Customer = z.infer<typeof Customer>;

const STREAM = 'customers';
const COLUMNS = 'id int PRIMARY KEY, version int NOT NULL';

let engine: Engine;
let server: PostgresServer;
let database: string;
let client: pg.Client;
let versions = 0;

beforeEach(async () => {
  [engine, server] = await Promise.all([startEngine(), startPostgres()]);
  engine.log.createStream({ StreamName: STREAM, ShardCount: 1 });
  database = await server.createDatabase();
  client = await server.connect(database);
  await client.query(`CREATE TABLE customers (${COLUMNS})`);
});
afterEach(async () => {
  await client.end();
  await Promise.all([engine.stop(), server.stop()]);
});

const surroundings = (step: string, options: unknown, more: object = {}) => {
  const { host, port, user, password } = server;
  const resources = { host, port, database, user, auth: { password }, tls: 'off', ...more };
  return engine.surroundings({ step, output: { stream: STREAM }, options, resources });
};

/** The function of the step that reads the table by a query. */
function byQuery() {
  const of = { table: 'customers', schema: Customer, type: 'customers.updated', key: 'id' } as const;
  return openPullHandler(postgresQueryDefinition, surroundings('by_query', postgresQuerySource(of).options));
}

/** The function of the step that follows the table by its log. */
function byLog() {
  const { options } = postgresChangesSource({ tables: ['customers'], snapshot: 'none', create: true });
  const of = surroundings('by_log', options, { fields: fieldTypesOf(Customer) });
  return openPullHandler(postgresChangesDefinition, of);
}

/** The function of the step that takes requests. */
function byHttp() {
  const { options } = httpSource({ schema: Customer, type: 'customers.updated', key: 'id' });
  const of = engine.surroundings({ step: 'by_http', output: { stream: STREAM }, options, resources: {} });
  return openRequestHandler(httpDefinition, { ...of, processId: 'one' });
}

/** Runs a source that follows its input until a check passes: then the time of the run is over. */
async function runUntil(handler: ReturnType<typeof byLog>, check: () => Promise<void> | void): Promise<void> {
  const running = handler({}, invocation());
  await eventually(check);
  engine.nowMillis += 60_000;
  await running;
}

/** What a reader of the stream takes: it drops what is not above the last sequence of its source. */
function taken(): readonly { readonly type: string; readonly key: string; readonly data: Customer }[] {
  const marks = new Map<string, string>();
  return eventsOf(engine.log, STREAM).flatMap(({ source, sequence, type, key, data }) => {
    if (sequence <= (marks.get(source) ?? '')) return [];
    marks.set(source, sequence);
    return [{ type, key, data: data as Customer }];
  });
}

/** The table as a mirror of the stream has it. */
function mirrored(): readonly Customer[] {
  const rows = new Map<number, Customer>();
  for (const { type, data } of taken())
    if (type.endsWith('.deleted')) rows.delete(data.id);
    else rows.set(data.id, { id: data.id, version: data.version });
  return [...rows.values()].sort((one, other) => one.id - other.id);
}

async function table(): Promise<readonly Customer[]> {
  return (await client.query<Customer>('SELECT id, version FROM customers ORDER BY id')).rows;
}

const put = (id: number) =>
  client.query(
    `INSERT INTO customers VALUES (${id}, ${++versions}) ON CONFLICT (id) DO UPDATE SET version = excluded.version`,
  );

test('a stream is fed by a query, then by the log, then by requests, and its readers cannot tell: nothing is lost or doubled, and each key stays in order', async () => {
  // 1. By a query, which sees the last version of each row.
  const query = byQuery();
  for (const id of [1, 2, 3, 1, 4]) await put(id);
  await query({}, invocation());
  for (const id of [2, 5, 2]) await put(id);
  await query({}, invocation());
  expect(mirrored()).toEqual(await table());

  // 2. While nobody writes, the query reads to the end, and the log begins.
  await query({}, invocation());
  const log = byLog();
  await runUntil(log, async () => {
    const { rows } = await client.query('SELECT FROM pg_replication_slots WHERE active');
    expect(rows).toHaveLength(1);
  });
  const before = taken().length;
  for (const id of [1, 6, 1, 3]) await put(id);
  await client.query('DELETE FROM customers WHERE id = 4');
  await runUntil(log, async () => expect(mirrored()).toEqual(await table()));
  expect(taken()).toHaveLength(before + 5);

  // 3. The application sends what it writes; the log is not read any further.
  const request = byHttp();
  for (const id of [6, 7, 6]) {
    const sent = posted('application/json', [{ id, version: ++versions }]);
    expect(await request(sent as never, invocation())).toMatchObject({ statusCode: 202 });
  }

  const all = taken();
  const names = all.map(({ type, data }) => `${data.id}/${type.endsWith('.deleted') ? 'deleted' : data.version}`);
  expect(names).toHaveLength(new Set(names).size);
  for (const [key, ofKey] of Map.groupBy(all, (one) => one.key)) {
    const order = ofKey.flatMap(({ data }) => data.version ?? []);
    expect(order, key).toEqual([...order].sort((one, other) => one - other));
  }
  expect(mirrored().find(({ id }) => id === 6)).toEqual({ id: 6, version: versions });
  expect(mirrored().map(({ id }) => id)).toEqual([1, 2, 3, 5, 6, 7]);
});
