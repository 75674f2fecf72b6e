import { expect, test } from 'vitest';
import { type Position, positionOf } from '../../../functions/runtime/position.ts';
import type { OutboxProgress, Published } from '../../../functions/runtime/sink.ts';
import type { Clock } from '../../../functions/runtime/time/clock.ts';
import { WHOLE_SPACE } from '../../../functions/runtime/time/tick.ts';
import { tableDefinition } from '../../../functions/table-state/table-handler.ts';
import { logOf, sliceOf } from '../../contracts/slices.ts';
import { withinJoinOf } from '../../pipelines/join-fixture.ts';
import { client, database, server, useFreshDatabases } from '../sinks/postgres/fresh-database.ts';

useFreshDatabases();

const MINUTE = 60_000;
const NOON = Date.parse('2026-01-01T12:00:00Z');
const iso = (millis: number): string => new Date(millis).toISOString();

const join = await withinJoinOf(
  'SELECT o.number, p.payment FROM orders o LEFT JOIN payments p WITHIN (5 MINUTES, 10 MINUTES) GRACE PERIOD 2 MINUTES ON p.order_id = o.order_id',
);

interface Given {
  readonly side: 'orders' | 'payments';
  readonly key: string;
  readonly minute: number;
  readonly number: number;
}

const order = (minute: number, key: string, number: number): Given => ({ side: 'orders', key, minute, number });
const payment = (minute: number, key: string, number: number): Given => ({ side: 'payments', key, minute, number });

const at = (minute: number): Clock => [{ ...WHOLE_SPACE, watermark: NOON + minute * MINUTE, passed: new Map() }];

/** Opens the join over the real database, and writes slices. Resolves to what each publishes. */
function opened() {
  const { host, port, password, user } = server;
  const { resources, open } = tableDefinition(join.keep as never);
  const parsed = resources.parse({ host, port, database, user, tls: 'off', auth: { password } });
  const sink = open({ step: 'shop/settled', options: { changes: { before: false } }, resources: parsed });
  let [previous, written] = [0, 0];
  return async (given: readonly Given[], clock: Clock) => {
    let published: Published | undefined;
    const outbox = (made: Published | undefined): OutboxProgress => {
      published = made;
      return { page: undefined, closes: [] };
    };
    const events = logOf(
      given.map(({ side, key, minute, number }) => ({
        key,
        time: iso(NOON + minute * MINUTE),
        data: { side, key, row: { [side === 'orders' ? 'o.number' : 'p.payment']: number } },
      })),
    ).map((one, index) => Object.assign(one, { position: positionOf(String(written + index + 1), 0) }));
    written += events.length;
    const slice = sliceOf({ step: 'shop/settled', events, previous, to: positionOf('9999', 0), outbox });
    const moment = { watermark: Number.NEGATIVE_INFINITY, arrivedMillis: NOON, hash: () => 1n };
    const rejections = await sink.write({
      ...slice,
      time: { momentOf: () => moment, clock, beforeTick: 'before the tick' as Position, passes: undefined },
    });
    previous++;
    const rows = published?.events.map(({ dataBytes }) => JSON.parse(Buffer.from(dataBytes).toString())) ?? [];
    return {
      rows: rows.map(({ number, payment: paid }) => `${number} ${paid}`),
      rejections,
      upTo: published?.upTo,
    };
  };
}

const kept = async () =>
  (await client.query('SELECT side, "key" FROM shop.settled ORDER BY time, side')).rows.map(
    ({ side, key }) => `${side} ${key}`,
  );

test('Postgres keeps the events of both sides, and the view shows those that wait', async () => {
  const write = opened();
  expect((await write([order(0, 'a', 1), order(1, 'b', 2)], at(0))).rows).toEqual([]);
  expect((await write([payment(10, 'a', 10), payment(11, 'a', 11), payment(-4, 'b', 20)], at(0))).rows).toEqual([
    '1 10',
    '2 20',
  ]);
  expect(await kept()).toEqual(['payments b', 'orders a', 'orders b', 'payments a', 'payments a']);
  const { rows } = await client.query(
    `SELECT "millrace open" AS open FROM shop."settled state 1" WHERE side = 'orders'`,
  );
  expect(rows).toEqual([{ open: false }, { open: false }]);
});

test('an order comes out alone when its time and the grace period are over, and then everything of that time is gone', async () => {
  const write = opened();
  await write([order(0, 'a', 1), order(0, 'b', 2), payment(1, 'b', 20), payment(7, 'c', 30)], at(0));
  expect((await write([], [{ ...WHOLE_SPACE, watermark: NOON + 12 * MINUTE - 1, passed: new Map() }])).rows).toEqual(
    [],
  );
  expect((await write([], at(12))).rows).toEqual(['1 null']);
  expect(await kept()).toEqual(['payments c']);
  expect((await write([], at(14))).rows).toEqual([]);
  expect(await kept()).toEqual([]);
});

test('only the shard that reads a key decides that its time is over', async () => {
  const write = opened();
  await write([order(0, 'a', 1)], at(0));
  expect(
    (await write([], [{ from: 2n, to: WHOLE_SPACE.to, watermark: NOON + 600 * MINUTE, passed: new Map() }])).rows,
  ).toEqual([]);
  expect(await kept()).toEqual(['orders a']);
});

test('a batch that may meet very many events is joined in parts, and each pair comes out once', async () => {
  const write = opened();
  for (const part of [0, 1, 2] as const)
    await write(
      Array.from({ length: 900 }, (_, i) => order(0, `k${i % 300}`, part * 900 + i)),
      at(0),
    );
  const { rows } = await write(
    Array.from({ length: 300 }, (_, i) => payment(1, `k${i}`, i)),
    at(0),
  );
  expect(rows).toHaveLength(2_700);
  expect(new Set(rows).size).toBe(2_700);
});

test('changed SQL that reads other columns needs another state, and the step says so', async () => {
  await opened()([order(0, 'a', 1)], at(0));
  const changed = await withinJoinOf(
    'SELECT o.number, p.payment FROM orders o JOIN payments p WITHIN 1 HOUR ON p.order_id = o.order_id',
  );
  expect(changed.keep.within?.shape).toBe(join.keep.within?.shape);
  const other = await withinJoinOf(
    'SELECT o.number AS number, NULL::numeric AS payment FROM orders o JOIN payments p WITHIN 1 HOUR ON p.order_id = o.order_id',
  );
  expect(other.keep.within?.shape).not.toBe(join.keep.within?.shape);
});
