import { expect, test } from 'vitest';
import { askDatabase, READER } from '../../../functions/clients/query.ts';
import { defineTable } from '../../../functions/runtime/table.ts';
import { WHOLE_SPACE } from '../../../functions/runtime/time/tick.ts';
import { hopping } from '../../../functions/runtime/windows.ts';
import { tableDefinition } from '../../../functions/table-state/table-handler.ts';
import { basket, CartEvent } from '../../../functions/tables/basket.ts';
import { openStates } from '../../../infra/operation/sink-progress.ts';
import { type TableStatus, tableStatuses } from '../../../infra/operation/status/table-status.ts';
import type { Target } from '../../../infra/operation/target.ts';
import { definePipeline } from '../../../infra/pipelines/pipeline.ts';
import { planOf, type ReaderPlan } from '../../../infra/pipelines/plan.ts';
import { logOf, sliceOf } from '../../contracts/slices.ts';
import { client, database, server, useFreshDatabases } from '../../functions/sinks/postgres/fresh-database.ts';

useFreshDatabases();

const shop = definePipeline({
  name: 'shop',
  streams: { cart: { schema: CartEvent } },
  tables: { basket: { from: 'cart', keep: basket }, empty: { from: 'cart', keep: basket } },
});
const plan = planOf(shop, [shop]);
const { signal } = new AbortController();

const login = (user: string) => ({
  host: server.host,
  port: server.port,
  database,
  user,
  auth: { password: server.password },
  tls: 'off' as const,
});

/** Commits rows as the step does. */
async function write(customers: number, previous = 0): Promise<void> {
  const sink = tableDefinition(basket).open({ step: 'shop/basket', options: undefined, resources: login(server.user) });
  const events = logOf(
    Array.from({ length: customers }, (_, n) => ({
      key: `c${n}`,
      type: 'item.added',
      data: { customer_id: `c${n}`, item: 'tea', quantity: 1 },
    })),
  );
  expect(await sink.write(sliceOf({ step: 'shop/basket', shard: 'inc/shard-0', events, previous }))).toEqual([]);
}

/** A stage on AWS, whose database answers inside its network only. */
const isolated = (asks: string[] = []) =>
  ({
    clients: { dynamodb: {} },
    names: { checkpoints: 'none' },
    databaseOf: async () => {
      asks.push('directly');
      return { ...login(server.user), port: 1 };
    },
    ask: (question: Parameters<Target['ask']>[0]) => {
      asks.push('through the function');
      return askDatabase(login(READER), question, signal);
    },
  }) as unknown as Target;

test('the positions of a table are read through the function inside the network, where the database does not answer from here', async () => {
  await write(3);
  const asks: string[] = [];
  const target = isolated(asks);
  for (let look = 1; look <= 2; look++) {
    await using states = await openStates(plan.steps[0] as ReaderPlan, target, signal);
    expect(await states.load('inc/shard-0', signal)).toMatchObject({ revision: 1, state: expect.any(String) });
    expect(await states.load("inc/shard-'1", signal)).toBeUndefined();
  }
  expect(asks).toEqual(['directly', ...Array.from({ length: 4 }, () => 'through the function')]);
});

test('where neither answers, the reasons of both are shown', async () => {
  const target = {
    ...isolated(),
    ask: async () => ({ refusal: { code: '42501', message: 'permission denied for table millrace_progress' } }),
  } as Target;
  await using states = await openStates(plan.steps[0] as ReaderPlan, target, signal);
  await expect(states.load('inc/shard-0', signal)).rejects.toThrow(
    /its positions are in the database 127.0.0.1:1, which does not answer from here \(.*ECONNREFUSED.*; permission denied for table/,
  );
});

test('the status of tables tells about how many rows, their bytes, dead rows, and the longest lag', async () => {
  await write(1);
  // The server counts at once what a session that asks for it has done; else it may take ten seconds.
  await client.query(`INSERT INTO shop."basket state 1"
      SELECT 'k' || n, "millrace event key", "millrace row", 'k' || n, item, quantity, changed
        FROM shop."basket state 1", generate_series(1, 300) AS n`);
  await client.query(`UPDATE shop."basket state 1" SET quantity = 2 WHERE "millrace id" > 'k2'`);
  await client.query('SELECT pg_stat_force_next_flush()');
  const steps = [10, 70].map((lagMillis) => ({ pipeline: 'shop', step: 'basket', lagMillis }) as never);
  const [found, other] = await tableStatuses([plan], { target: isolated(), steps }, signal);
  expect(found).toMatchObject({ pipeline: 'shop', table: 'basket', lagMillis: 70 });
  expect(found?.rows).toBeCloseTo(300, -1);
  expect(found?.bloat).toBeCloseTo(189 / 489, 1);
  expect(found?.bytes).toBeGreaterThan(40_000);
  expect(other).toEqual({
    pipeline: 'shop',
    table: 'empty',
    note: 'it is not in the database yet: its step makes it when the first event arrives',
  });
});

const SECOND = 1_000;
const NOON = Date.parse('2026-01-01T12:00:00Z');
const iso = (millis: number): string => new Date(millis).toISOString();

/** Two windows of ten seconds cover each second. */
const hops = defineTable({
  entry: import.meta.url,
  from: CartEvent,
  row: CartEvent,
  key: ['customer_id'],
  window: hopping({ size: 10 * SECOND, advance: 5 * SECOND, grace: 20 * SECOND, emit: 'final' }),
  reduce: (_, { data }) => data,
});

const timed = definePipeline({
  name: 'shop',
  streams: { cart: { schema: CartEvent } },
  tables: { hops: { from: 'cart', keep: hops } },
});
const timedPlan = planOf(timed, [timed]);

/** Writes an event for each second, before any tick. */
async function writeHops(seconds: readonly number[]): Promise<void> {
  const { open, resources } = tableDefinition(hops);
  const sink = open({ step: 'shop/hops', options: undefined, resources: resources.parse(login(server.user)) });
  const events = logOf(
    seconds.map((second) => ({
      time: iso(NOON + second * SECOND),
      data: { customer_id: 'ann', item: 'tea', quantity: 1 },
    })),
  );
  const never = Number.NEGATIVE_INFINITY;
  await sink.write({
    ...sliceOf({ step: 'shop/hops', events, previous: 0 }),
    time: {
      momentOf: () => ({ watermark: never, arrivedMillis: NOON + 20_000 * SECOND, hash: () => 0n }),
      clock: [{ ...WHOLE_SPACE, watermark: never, passed: new Map() }],
      beforeTick: undefined,
      passes: undefined,
    },
  });
}

const hopsAt = async (...shards: object[]): Promise<TableStatus | undefined> => {
  const steps = shards.map((shard) => ({ pipeline: 'shop', step: 'hops', ...shard }) as never);
  return (await tableStatuses([timedPlan], { target: isolated(), steps }, signal))[0];
};

test('the status of a table with windows tells the lowest watermark of its shards, and how many windows are open by then', async () => {
  await writeHops([0, 1, 7, 100]);
  const low = iso(NOON + 32 * SECOND);
  const ended = { state: 'ended', watermark: iso(NOON) };
  expect(await hopsAt({ watermark: iso(NOON + 99 * SECOND) }, ended, { watermark: low })).toMatchObject({
    watermark: low,
    // They end at 5 and 10 and 15, and at 105 and 110; 20 seconds later they close.
    openWindows: 3,
  });
  expect(await hopsAt({ watermark: iso(NOON + 30 * SECOND) })).toMatchObject({ openWindows: 3 });
  expect(await hopsAt({ watermark: iso(NOON + 30 * SECOND - 1) })).toMatchObject({ openWindows: 4 });
  expect(await hopsAt({ watermark: iso(NOON + 200 * SECOND) })).toMatchObject({ openWindows: 0 });
});

test('a shard that has seen no tick has no watermark, and then no window has closed', async () => {
  await writeHops([0, 1, 7, 100]);
  expect(await hopsAt({ watermark: iso(NOON + 99 * SECOND) }, { watermark: null })).toMatchObject({
    watermark: null,
    openWindows: 5,
  });
  const without = await hopsAt({});
  expect([without?.watermark, without?.openWindows]).toEqual([undefined, undefined]);
});

test('beyond a thousand open windows nobody counts on, and what the reader may not see is a note', async () => {
  await writeHops(Array.from({ length: 1_001 }, (_, index) => index * 5));
  const at = { watermark: iso(NOON) };
  expect(await hopsAt(at)).toMatchObject({ openWindows: 1_000, moreWindows: true });
  const { rows } = await client.query(
    `SELECT has_table_privilege('${READER}', 'shop."hops state 1"', 'SELECT') AS all`,
  );
  expect(rows).toEqual([{ all: false }]);
  await client.query(`REVOKE SELECT ("millrace window end") ON shop."hops state 1" FROM ${READER}`);
  expect(await hopsAt(at)).toMatchObject({
    watermark: at.watermark,
    note: 'its open windows are not known: permission denied for table hops state 1',
  });
});

test('tables of a database that cannot be asked are shown with the reason', async () => {
  const target = { ...isolated(), ask: async () => ({ refusal: { code: '57014', message: 'too slow' } }) } as Target;
  expect(await tableStatuses([plan], { target, steps: [] }, signal)).toMatchObject([
    { table: 'basket', note: 'its size is not known: too slow' },
    { table: 'empty', note: 'its size is not known: too slow' },
  ]);
});
