import pg from 'pg';
import { expect, test } from 'vitest';
import type { Table } from '../../functions/runtime/table.ts';
import { httpSource } from '../../functions/sources/http/http.ts';
import { basket, CartEvent } from '../../functions/tables/basket.ts';
import { cartContents } from '../../functions/tables/cart-contents.sql.ts';
import { everythingDone } from '../../infra/local/everything-done.ts';
import { startLocal } from '../../infra/local/start.ts';
import { stepStatus } from '../../infra/operation/status/status.ts';
import { tableStatuses } from '../../infra/operation/status/table-status.ts';
import { tableChanges } from '../../infra/operation/table-changes.ts';
import { definePipeline } from '../../infra/pipelines/pipeline.ts';

const shop = definePipeline({
  name: 'shop',
  streams: { cart: { schema: CartEvent, shards: 2 } },
  sources: { clicks: { read: httpSource({ schema: CartEvent, type: 'item.added', key: 'customer_id' }), to: 'cart' } },
  tables: { basket: { from: 'cart', keep: basket }, contents: { from: 'cart', keep: cartContents } },
});

test('on a laptop a table step, in TypeScript or SQL, keeps its table in a real Postgres, and status and sql plan read it there', async () => {
  const log: string[] = [];
  const { signal } = new AbortController();
  await using running = new AsyncDisposableStack();
  const local = await startLocal(
    { pipelines: [shop], onLog: (name, line) => log.push(`${name}: ${line}`), trace: () => () => undefined, signal },
    running,
  );
  const [url = ''] = [...local.runner.urls.values()];
  const send = async (type: string, customer_id: string, quantity: number): Promise<void> => {
    const event = { specversion: '1.0', id: crypto.randomUUID(), source: '/test', type, partitionkey: customer_id };
    const body = JSON.stringify({ ...event, data: { customer_id, item: 'tea', quantity } });
    const headers = { 'content-type': 'application/cloudevents+json' };
    expect((await fetch(url, { method: 'POST', headers, body })).status).toBe(202);
  };
  for (const customer of ['ann', 'bob', 'cid']) await send('item.added', customer, 2);
  await send('item.removed', 'bob', 5);
  await send('item.added', 'ann', 1);
  await everythingDone(local, signal);
  const { name, ...server } = local.stage.resources.database;
  const client = new pg.Client({ ...server, database: name });
  await client.connect();
  try {
    for (const table of ['basket', 'contents']) {
      const { rows } = await client.query(
        `SELECT customer_id, item, quantity::integer FROM shop.${table} ORDER BY customer_id`,
      );
      expect(rows, log.join('\n')).toEqual([
        { customer_id: 'ann', item: 'tea', quantity: 3 },
        { customer_id: 'cid', item: 'tea', quantity: 2 },
      ]);
    }
  } finally {
    await client.end();
  }
  const question = { schema: 'shop', statement: 'SELECT item, quantity FROM basket', mostRows: 1, mostMillis: 10_000 };
  expect(await local.stage.ask(question, signal)).toMatchObject({ rows: [['tea', expect.any(String)]], cut: 'rows' });
  const hostile = { ...question, statement: 'SELECT * FROM "basket state 1"' };
  expect(await local.stage.ask(hostile, signal)).toMatchObject({ refusal: { code: '42501' } });
  const table = local.runner.steps.find((step) => step.kind === 'table');
  const changesOf = (keep: Table) => tableChanges([{ plan: table!, table: keep }], local.stage, signal);
  expect(await changesOf(basket)).toMatchObject([{ table: 'basket', change: 'none' }]);
  expect(await changesOf({ ...basket, key: ['customer_id'] } as Table)).toMatchObject([
    { change: 'rebuild', differences: ['the key was customer_id, item and is customer_id'], log: { isWhole: true } },
  ]);
  expect(await stepStatus(table!, local.stage, signal)).toMatchObject([
    { step: 'basket', state: 'idle', recordsBehind: 0, deadLetters: 0 },
    { step: 'basket', state: 'idle', recordsBehind: 0, deadLetters: 0 },
  ]);
  const plans = [{ name: 'shop', steps: local.runner.steps }];
  const figures = { pipeline: 'shop', rows: expect.any(Number), bytes: expect.any(Number), bloat: expect.any(Number) };
  expect(await tableStatuses(plans, { target: local.stage, steps: [] }, signal)).toEqual(
    ['basket', 'contents'].map((name) => ({ ...figures, table: name })),
  );
  expect(log).toEqual([]);
});
