import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { expect, test } from 'vitest';
import { postgresSink } from '../../functions/sinks/postgres/postgres.ts';
import { httpSource } from '../../functions/sources/http/http.ts';
import { BasketRow, basket, CartEvent } from '../../functions/tables/basket.ts';
import { everythingDone } from '../../infra/local/everything-done.ts';
import { type Local, startLocal } from '../../infra/local/start.ts';
import { readTail } from '../../infra/operation/tail.ts';
import { definePipeline } from '../../infra/pipelines/pipeline.ts';

const shop = definePipeline({
  name: 'shop',
  streams: { cart: { schema: CartEvent, shards: 2 }, basket_changes: { schema: BasketRow } },
  sources: { clicks: { read: httpSource({ schema: CartEvent, type: 'item.added', key: 'customer_id' }), to: 'cart' } },
  tables: { basket: { from: 'cart', keep: basket, changes: 'basket_changes' } },
  sinks: {
    copy: {
      from: 'basket_changes',
      write: postgresSink({ table: 'copy', key: ['customer_id', 'item'], mode: 'mirror', create: true }),
    },
  },
});

const LOCK = 4_242;

/** Kills a step's function while its transaction has written into the table, and before it commits. */
async function killedInTransaction(
  { local, client }: { readonly local: Local; readonly client: pg.Client },
  { step, table, send }: { readonly step: string; readonly table: string; readonly send: () => Promise<void> },
): Promise<void> {
  await client.query(`CREATE TRIGGER hold AFTER INSERT OR UPDATE OR DELETE ON ${table} EXECUTE FUNCTION hold()`);
  await client.query(`SELECT pg_advisory_lock(${LOCK})`);
  await send();
  const waiting = `SELECT FROM pg_locks WHERE locktype = 'advisory' AND objid = ${LOCK} AND NOT granted`;
  while ((await client.query(waiting)).rowCount === 0) await delay(20);
  const plan = local.runner.steps.find(({ name }) => name === step);
  if (plan === undefined) throw new Error(`there is no step ${step}`);
  await local.runner.kill(plan);
  await client.query(`SELECT pg_advisory_unlock(${LOCK})`);
  await everythingDone(local, new AbortController().signal);
  await client.query(`DROP TRIGGER hold ON ${table}`);
}

test('on a laptop a mirror follows the change stream of a table in a real Postgres, though both functions are killed in the middle of a transaction', async () => {
  const { signal } = new AbortController();
  await using running = new AsyncDisposableStack();
  const local = await startLocal(
    { pipelines: [shop], onLog: () => undefined, trace: () => () => undefined, signal },
    running,
  );
  const { name, ...server } = local.stage.resources.database;
  const client = new pg.Client({ ...server, database: name });
  await client.connect();
  running.defer(() => client.end());
  const [url = ''] = [...local.runner.urls.values()];
  const send = async (type: string, customers: readonly string[], quantity: number): Promise<void> => {
    const events = customers.map((customer_id) => ({
      ...{ specversion: '1.0', id: crypto.randomUUID(), source: '/test', type, partitionkey: customer_id },
      data: { customer_id, item: 'tea', quantity },
    }));
    const headers = { 'content-type': 'application/cloudevents-batch+json' };
    expect((await fetch(url, { method: 'POST', headers, body: JSON.stringify(events) })).status).toBe(202);
  };
  const customers = Array.from({ length: 20 }, (_, n) => `c${n}`);
  await send('item.added', customers, 2);
  await everythingDone(local, signal);
  await client.query(`CREATE FUNCTION hold() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN PERFORM pg_advisory_xact_lock(${LOCK}); RETURN NULL; END $$`);
  await killedInTransaction(
    { local, client },
    {
      step: 'basket',
      table: 'shop."basket state 1"',
      send: async () => {
        await send('item.added', customers, 1);
        await send('item.removed', customers.slice(0, 5), 3);
      },
    },
  );
  await killedInTransaction(
    { local, client },
    { step: 'copy', table: 'copy', send: () => send('item.added', customers.slice(3, 8), 4) },
  );
  const rowsIn = async (table: string) =>
    (await client.query(`SELECT customer_id, quantity::integer FROM ${table} ORDER BY 1`)).rows.map(
      ({ customer_id, quantity }) => `${customer_id} ${quantity}`,
    );
  const expected = customers.slice(3).map((id, n) => `${id} ${n < 2 ? 4 : n < 5 ? 7 : 3}`);
  expect(await rowsIn('shop.basket')).toEqual(expected.toSorted());
  expect(await rowsIn('copy')).toEqual(expected.toSorted());
  const folded = new Map<string, string>();
  const plan = local.runner.steps.find(({ kind }) => kind === 'table');
  if (plan === undefined || !('output' in plan)) throw new Error('the table has no change stream');
  const stream = local.stage.streamName(plan.output);
  await readTail(
    { kinesis: local.stage.clients.kinesis, stream, from: 'earliest', follow: false, signal },
    {
      event: ({ type, key, data }) => {
        const { customer_id, quantity } = data as { readonly customer_id: string; readonly quantity: number };
        if (type === 'basket.deleted') folded.delete(key);
        else folded.set(key, `${customer_id} ${quantity}`);
      },
      rejection: ({ message }) => expect.fail(message),
    },
  );
  expect([...folded.values()].toSorted()).toEqual(expected.toSorted());
});
