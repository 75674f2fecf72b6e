import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { DeleteItemCommand, GetItemCommand, PutItemCommand } from '@aws-sdk/client-dynamodb';
import { GetObjectCommand, ListObjectsV2Command, PutObjectCommand } from '@aws-sdk/client-s3';
import { DuckDBInstance } from '@duckdb/node-api';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { everythingDone } from '../../infra/local/everything-done.ts';
import { type Local, startLocal } from '../../infra/local/start.ts';
import { localTarget } from '../../infra/local/target.ts';
import type { Comparison } from '../../infra/operation/compare/comparison.ts';
import { rewindStep } from '../../infra/operation/control/rewind.ts';
import type { ReaderPlan } from '../../infra/pipelines/plan.ts';
import { compared, send, side } from './fixture.ts';

const running = new AsyncDisposableStack();
const { signal } = new AbortController();
let local: Local;
let client: pg.Client;
/** The id of the last event of each order. */
const lastEvents = new Map<number, string>();

const order = (order_id: number, more: object = {}) => ({ order_id, status: 'PLACED', total: 12.5, ...more });

async function placed(type: string, data: ReturnType<typeof order>): Promise<void> {
  lastEvents.set(data.order_id, await send(local, type, data));
}

beforeAll(async () => {
  const started = { pipelines: [side], onLog: () => {}, trace: () => () => undefined, signal };
  local = await startLocal(started, running);
  const { name, ...server } = local.stage.resources.database;
  client = new pg.Client({ ...server, database: name });
  await client.connect();
  running.defer(() => client.end());
  // A table as somebody would make it by hand: other types, and columns of its own.
  await client.query(`CREATE TABLE own (order_id bigint PRIMARY KEY, status char(12), total double precision,
    paid_at timestamp with time zone, item json, tags text[], more jsonb, stored_at timestamptz DEFAULT now())`);
  for (let id = 1; id <= 12; id++) await placed('order.inserted', order(id, { total: id + 0.1 }));
  await placed('order.updated', order(2, { total: 1e21, paid_at: '2026-01-31T12:00:00.500+02:00' }));
  await placed('order.updated', order(3, { status: 'PAID', paid_at: '2026-01-31T12:00:00Z', more: null }));
  await placed('order.updated', order(4, { item: { sku: 'é', weight: 1.0, sent_at: '2026-01-31T00:00:00Z' } }));
  await placed('order.updated', order(5, { tags: ['a', 'b'], more: { b: [1.5, { c: null }], a: 1 } }));
  await placed('order.updated', order(6, { paid_at: null, more: 'a text' }));
  await placed('order.deleted', order(7));
  await placed('order.deleted', order(8));
  await placed('order.inserted', order(8, { status: 'AGAIN' }));
  await everythingDone(local, signal);
}, 600_000);
afterAll(() => running.disposeAsync());

const target = () =>
  localTarget(
    { ...local.servers, lambda: local.runner.invokeUrl, iceberg: local.stage.resources.iceberg.endpoint },
    local.stage.resources.database,
  );
const stepOf = (name: string) => local.runner.steps.find((step) => step.name === name)!;

const findings = ({ counts: { same: _, ...others } }: Comparison) =>
  Object.fromEntries(Object.entries(others).filter(([, count]) => count > 0));

/** `<kind> <id>: <field> <a> <b>` of each difference. */
const told = ({ differences }: Comparison) =>
  differences.map(({ kind, id, times, fields }) => {
    const values =
      kind === 'differs' ? fields.map(({ field, a, b }) => `${field} ${a} ${b}`) : [`${times.a}:${times.b}`];
    return `${kind} ${id.join()}: ${values.join(', ')}`;
  });

test.each<readonly [string, string, number]>([
  ['latest', 'own', 12],
  ['latest', 'lines', 12],
  ['parquet', 'latest', 12],
  ['own', 'parquet', 12],
  ['copy', 'items', 11],
  ['copy', 'lines', 11],
  ['parquet', 'copy', 11],
  ['items', 'lines', 11],
  ['latest', 'rows', 12],
  ['rows', 'copy', 11],
  ['rows', 'parquet', 20],
  ['all', 'latest', 12],
  ['all', 'lines', 20],
  ['lines', 'parquet', 20],
  ['events', 'lines', 18],
  ['parquet', 'events', 18],
])('%s and %s have no difference, in whatever way they write a value', async (a, b, same) => {
  const comparison = await compared(local, [a, b]);
  expect(told(comparison)).toEqual([]);
  expect(findings(comparison)).toEqual({});
  expect(comparison.counts.same).toBe(same);
});

describe('a planted difference is found, with its key and its event', () => {
  /** Rewrites the file of a sink that has the event. */
  async function rewritten(prefix: string, id: string, change: (bytes: Buffer) => Promise<Buffer>): Promise<void> {
    const { clients, names } = local.stage;
    const { Contents = [] } = await clients.s3.send(
      new ListObjectsV2Command({ Bucket: names.lake, Prefix: `${prefix}/` }),
    );
    for (const { Key } of Contents) {
      const { Body } = await clients.s3.send(new GetObjectCommand({ Bucket: names.lake, Key }));
      const bytes = Buffer.from((await Body?.transformToByteArray()) ?? []);
      const changed = await change(bytes);
      if (changed.equals(bytes)) continue;
      await clients.s3.send(new PutObjectCommand({ Bucket: names.lake, Key, Body: changed }));
    }
    expect(id).toBeDefined();
  }
  const eventOf = (id: number) => lastEvents.get(id)!;

  test('in a table', async () => {
    await client.query('DELETE FROM own WHERE order_id = 1; UPDATE own SET total = 99 WHERE order_id = 2');
    await client.query("INSERT INTO own (order_id, status, total) VALUES (1000, 'PLACED', 1)");
    const comparison = await compared(local, ['latest', 'own']);
    expect(told(comparison)).toEqual([
      'only-a 1: 1:0',
      'only-b 1000: 0:1',
      'differs 2: total 1000000000000000000000 99',
    ]);
    expect(comparison.differences.map(({ event }) => event?.id)).toEqual([eventOf(1), undefined, eventOf(2)]);
    expect(comparison.notCompared).toEqual([{ field: 'stored_at', onlyIn: 'b' }]);
    const limited = await compared(local, ['latest', 'own'], { limit: 1 });
    expect([limited.differences.length, limited.counts.onlyB]).toEqual([1, 1]);
  });

  test('in a table without a key', async () => {
    await client.query(`DELETE FROM "all" WHERE order_id = 9; INSERT INTO "all" SELECT * FROM "all" WHERE order_id = 10;
      UPDATE "all" SET status = 'LOST' WHERE order_id = 11`);
    const comparison = await compared(local, ['all', 'lines']);
    expect(findings(comparison)).toEqual({ onlyA: 1, onlyB: 2, doubled: 1 });
    expect(comparison.differences.map(({ kind, id }) => `${kind} ${id[0]}`).sort()).toEqual([
      'doubled 10',
      'only-a 11',
      'only-b 11',
      'only-b 9',
    ]);
  });

  test('in files of Parquet', async () => {
    const duckdb = await (await DuckDBInstance.create(':memory:')).connect();
    const folder = await mkdtemp(join(tmpdir(), 'millrace-planted-'));
    const [from, to] = [join(folder, 'from.parquet'), join(folder, 'to.parquet')];
    await rewritten('parquet', eventOf(10), async (bytes) => {
      await writeFile(from, bytes);
      await duckdb.run(`COPY (SELECT * REPLACE (CASE order_id WHEN 12 THEN total + 1 ELSE total END AS total)
          FROM '${from}', range(CASE order_id WHEN 9 THEN 0 WHEN 10 THEN 2 ELSE 1 END)) TO '${to}' (FORMAT parquet)`);
      return readFile(to);
    });
    const comparison = await compared(local, ['events', 'parquet']);
    expect(told(comparison).sort()).toEqual(
      [`only-a ${eventOf(9)}: 1:0`, `doubled ${eventOf(10)}: 1:2`, `differs ${eventOf(12)}: total 12.1 13.1`].sort(),
    );
    expect(comparison.differences.map(({ event }) => event?.id).sort()).toEqual([9, 10, 12].map(eventOf).sort());
    await rm(folder, { recursive: true });
  });

  test('in an Iceberg table', async () => {
    const duckdb = await (await DuckDBInstance.create(':memory:')).connect();
    const folder = await mkdtemp(join(tmpdir(), 'millrace-planted-'));
    const [from, to] = [join(folder, 'from.parquet'), join(folder, 'to.parquet')];
    await rewritten('iceberg', eventOf(10), async (bytes) => {
      if (bytes.subarray(0, 4).toString() !== 'PAR1') return bytes;
      await writeFile(from, bytes);
      await duckdb.run(`COPY (SELECT * REPLACE (CASE order_id WHEN 12 THEN total + 1 ELSE total END AS total)
          FROM '${from}', range(CASE order_id WHEN 9 THEN 0 WHEN 10 THEN 2 ELSE 1 END)) TO '${to}' (FORMAT parquet)`);
      return readFile(to);
    });
    const comparison = await compared(local, ['events', 'rows']);
    expect(told(comparison).sort()).toEqual(
      [`only-a ${eventOf(9)}: 1:0`, `doubled ${eventOf(10)}: 1:2`, `differs ${eventOf(12)}: total 12.1 13.1`].sort(),
    );
    expect(comparison.differences.map(({ event }) => event?.id).sort()).toEqual([9, 10, 12].map(eventOf).sort());
    await rm(folder, { recursive: true });
  });

  test('in files of lines', async () => {
    await rewritten('lines', eventOf(9), async (bytes) => {
      const lines = gunzipSync(bytes).toString().split('\n').slice(0, -1);
      const changed = lines.flatMap((line) => {
        if (line.includes(eventOf(9))) return [];
        if (line.includes(eventOf(10))) return [line, line];
        return [line.includes(eventOf(11)) ? line.replace('PLACED', 'LOST') : line];
      });
      return changed.join() === lines.join() ? bytes : gzipSync(`${changed.join('\n')}\n`);
    });
    expect(told(await compared(local, ['lines', 'events'])).sort()).toEqual(
      [`only-b ${eventOf(9)}: 0:1`, `doubled ${eventOf(10)}: 2:1`, `differs ${eventOf(11)}: status LOST PLACED`].sort(),
    );
  });

  test('in items of DynamoDB', async () => {
    const { dynamodb } = local.stage.clients;
    const TableName = `${local.stage.names.tablePrefix}items`;
    const { Item } = await dynamodb.send(new GetItemCommand({ TableName, Key: { id: { S: '4' } } }));
    await dynamodb.send(new DeleteItemCommand({ TableName, Key: { id: { S: '3' } } }));
    await dynamodb.send(new PutItemCommand({ TableName, Item: { ...Item, total: { N: '4.2' } } }));
    const comparison = await compared(local, ['copy', 'items']);
    expect(told(comparison)).toEqual(['only-a 3: 1:0', 'differs 4: total 12.5 4.2']);
    expect(comparison.differences[0]?.event).toMatchObject({ id: eventOf(3), key: '3' });
  });
});

const LOADED = 100;

test('while events flow, functions die and a table is rewound, nothing counts as a difference that is none', async () => {
  // The others differ by now, as planted.
  const isLoaded = (text: string): boolean => / (?:1[0-2]\d)\b/.test(text);
  let isFlowing = true;
  const flow = async (): Promise<void> => {
    using operated = target();
    let rewinding: Promise<unknown> = Promise.resolve();
    for (let event = 0; event < 120; event++) {
      await placed('order.updated', order(LOADED + (event % 30), { total: event }));
      if (event % 30 === 20) for (const name of ['latest', 'items', 'copy']) await local.runner.kill(stepOf(name));
      if (event === 40 || event === 80) await local.runner.runNow(stepOf('lines'));
      if (event === 60) {
        const options = { request: { to: 'earliest', said: 'earliest' }, onProgress: () => {}, signal } as const;
        rewinding = rewindStep(stepOf('latest') as ReaderPlan, operated, options);
      }
    }
    await rewinding;
    isFlowing = false;
  };
  const flowing = flow();
  // Awaited below, unless a comparison fails first.
  flowing.catch(() => undefined);
  let [compares, waiting] = [0, 0];
  while (isFlowing || compares < 4) {
    for (const pair of [
      ['latest', 'own'],
      ['latest', 'lines'],
      ['copy', 'items'],
      ['copy', 'lines'],
    ] as const) {
      const comparison = await compared(local, pair);
      expect(told(comparison).filter(isLoaded)).toEqual([]);
      compares += 1;
      waiting += comparison.counts.waits;
    }
  }
  await flowing;
  expect(waiting).toBeGreaterThan(0);
  await everythingDone(local, signal);
  for (const pair of [
    ['latest', 'own'],
    ['latest', 'lines'],
    ['copy', 'items'],
  ] as const)
    expect((await compared(local, pair)).counts).toMatchObject({ waits: 0, unclear: 0 });
});
