import { expect, test } from 'vitest';
import { z } from 'zod';
import { type Position, positionOf } from '../../../functions/runtime/position.ts';
import { defineTable } from '../../../functions/runtime/table.ts';
import type { Clock } from '../../../functions/runtime/time/clock.ts';
import { WHOLE_SPACE } from '../../../functions/runtime/time/tick.ts';
import { session, tumbling } from '../../../functions/runtime/windows.ts';
import { tableDefinition } from '../../../functions/table-state/table-handler.ts';
import { logOf, sliceOf } from '../../contracts/slices.ts';
import { client, database, server, useFreshDatabases } from '../sinks/postgres/fresh-database.ts';

useFreshDatabases();

const MINUTE = 60_000;
const NOON = Date.parse('2026-01-01T12:00:00Z');
const iso = (millis: number): string => new Date(millis).toISOString();
const BEFORE_TICK = 'before the tick' as Position;

const Sale = z.object({ region: z.string(), amount: z.int32() });
const sums = (emit: 'changes' | 'final', retention = 30) =>
  defineTable({
    entry: import.meta.url,
    from: Sale,
    row: Sale,
    key: ['region'],
    window: tumbling({ size: 10 * MINUTE, grace: 5 * MINUTE, retention: retention * MINUTE, emit }),
    reduce: (row, { data: { region, amount } }) => ({ region, amount: (row?.amount ?? 0) + amount }),
  });

const sessions = defineTable({
  entry: import.meta.url,
  from: Sale,
  row: Sale,
  key: ['region'],
  window: session({ gap: 5 * MINUTE, grace: 0, retention: 30 * MINUTE }),
  reduce: (row, { data: { region, amount } }) => ({ region, amount: (row?.amount ?? 0) + amount }),
  merge: (one, other) => ({ region: one.region, amount: one.amount + other.amount }),
});

interface Sold {
  readonly region: string;
  readonly minute: number;
  readonly hash?: bigint;
  /** Set for an event that is redriven: the minute at which it was late. */
  readonly lateAt?: number;
}

/** Opens a table over the real database, and writes slices: each sale counts 1. */
function opened(of: 'changes' | 'final' | 'sessions', { retention = 30, revision = 0 } = {}) {
  const { host, port, password, user } = server;
  const { resources, open } = tableDefinition(of === 'sessions' ? sessions : sums(of, retention));
  const parsed = resources.parse({ host, port, database, user, tls: 'off', auth: { password } });
  const sink = open({ step: 'shop/sums', formerly: undefined, options: undefined, resources: parsed });
  let previous = revision;
  return async (sold: readonly Sold[], clock: Clock, due?: (number | undefined)[]): Promise<string | undefined> => {
    const events = logOf(
      sold.map(({ region, minute }) => ({
        key: region,
        time: iso(NOON + minute * MINUTE),
        data: { region, amount: 1 },
      })),
    ).map((event, index) => {
      const lateAt = sold[index]?.lateAt;
      return lateAt === undefined ? event : { ...event, lateAt: iso(NOON + lateAt * MINUTE) };
    });
    const hashes = new Map(events.map((event, index) => [event, sold[index]?.hash ?? 0n]));
    const slice = sliceOf({ step: 'shop/sums', events, previous, to: positionOf('99', 0) });
    let upTo: string | undefined;
    await sink.write({
      ...slice,
      time: {
        momentOf: (event) => ({
          watermark: Number.NEGATIVE_INFINITY,
          arrivedMillis: NOON + 600 * MINUTE,
          hash: () => hashes.get(event) ?? 0n,
        }),
        clock,
        beforeTick: BEFORE_TICK,
        passes: undefined,
      },
      progress(rejections, published) {
        upTo = published?.upTo;
        due?.push(published?.dueMillis);
        return slice.progress(rejections);
      },
    });
    previous++;
    return upTo;
  };
}

const at = (minute: number, range = WHOLE_SPACE): Clock => [
  { ...range, watermark: NOON + minute * MINUTE, passed: new Map() },
];

const shown = async () =>
  (
    await client.query(
      `SELECT region, amount, window_start::text AS start FROM shop.sums ORDER BY window_start, region`,
    )
  ).rows.map(({ region, amount }) => `${region} ${amount}`);

const kept = async () => Number((await client.query(`SELECT count(*) AS n FROM shop."sums state 1"`)).rows[0].n);

test('a table with final windows shows a row once its window has closed, which is at the end plus the grace period', async () => {
  const write = opened('final');
  expect(
    await write(
      [
        { region: 'a', minute: 0 },
        { region: 'a', minute: 1 },
        { region: 'a', minute: 11 },
      ],
      at(0),
    ),
  ).toBeUndefined();
  expect(await shown()).toEqual([]);
  await write([], [{ ...WHOLE_SPACE, watermark: NOON + 15 * MINUTE - 1, passed: new Map() }]);
  expect(await shown()).toEqual([]);
  await write([], at(15));
  expect(await shown()).toEqual(['a 2']);
  await write([], at(25));
  expect(await shown()).toEqual(['a 2', 'a 1']);
});

test('a table with final windows tells when the oldest open one had to close, in any shard, and nothing when none is open', async () => {
  const due: (number | undefined)[] = [];
  const write = opened('final');
  const low = { from: 0n, to: 99n };
  await write([{ region: 'a', minute: 12, hash: 100n }], at(0, low), due);
  await write([{ region: 'b', minute: 0, hash: 0n }], at(0, low), due);
  await write([], at(30, low), due);
  await write([], at(30), due);
  const closes = (minute: number): number => NOON + minute * MINUTE;
  expect(due).toEqual([closes(25), closes(15), closes(25), undefined]);
});

test('code that keeps windows for longer begins no new row for one that is gone', async () => {
  await opened('changes')([{ region: 'a', minute: 0 }], at(40));
  expect(await kept()).toBe(0);
  const late = [{ region: 'a', minute: 0, lateAt: 20 }];
  await opened('changes', { retention: 90, revision: 1 })(late, at(40));
  expect(await kept()).toBe(0);
});

test('a table without final windows shows open windows too', async () => {
  const write = opened('changes');
  await write([{ region: 'a', minute: 0 }], at(0));
  expect(await shown()).toEqual(['a 1']);
});

test('a shard closes and drops windows of its own hash range only', async () => {
  const write = opened('final');
  const low = { from: 0n, to: 99n };
  await write(
    [
      { region: 'a', minute: 0, hash: 99n },
      { region: 'b', minute: 0, hash: 100n },
    ],
    at(0),
  );
  await write([], at(20, low));
  expect(await shown()).toEqual(['a 1']);
  await write([], at(40, low));
  expect([await shown(), await kept()]).toEqual([[], 1]);
  await write([], at(40, { from: 100n, to: WHOLE_SPACE.to }));
  // Two transactions: one that closes it, one that drops it.
  await write([], at(40, { from: 100n, to: WHOLE_SPACE.to }));
  expect(await kept()).toBe(0);
});

test('a row is kept until the retention of its window ends, and not longer', async () => {
  const write = opened('changes');
  await write([{ region: 'a', minute: 0 }], at(0));
  await write([], [{ ...WHOLE_SPACE, watermark: NOON + 30 * MINUTE - 1, passed: new Map() }]);
  expect(await kept()).toBe(1);
  await write([], at(30));
  expect(await kept()).toBe(0);
});

test('windows that are due beyond what one transaction closes come with the tick once more', async () => {
  const write = opened('final');
  await write([{ region: 'a', minute: 0 }], at(0));
  await client.query(`INSERT INTO shop."sums state 1"
    SELECT 'id ' || n, "millrace event key", "millrace row", "millrace window start", "millrace window end",
           "millrace hash", true, NULL, region || n, amount, window_start, window_end
      FROM shop."sums state 1", generate_series(1, 12000) AS n`);
  expect(await write([], at(15))).toBe(BEFORE_TICK);
  expect((await shown()).length).toBe(10_000);
  expect(await write([], at(15))).toBeUndefined();
  expect((await shown()).length).toBe(12_001);
});

test('the windows of a table cannot become others under the same name', async () => {
  await opened('final')([], at(0));
  await expect(opened('changes')([], at(0))).rejects.toThrow(
    'the windows were tumbling, emit final and are tumbling, emit changes',
  );
});

test('an event joins the sessions that it touches, of its own key and in the database', async () => {
  const write = opened('sessions');
  await write(
    [
      { region: 'a', minute: 0 },
      { region: 'a', minute: 10 },
      { region: 'b', minute: 5 },
    ],
    at(0),
  );
  expect(await shown()).toEqual(['a 1', 'b 1', 'a 1']);
  await write([{ region: 'a', minute: 5 }], at(0));
  expect(await shown()).toEqual(['a 3', 'b 1']);
  await write([{ region: 'a', minute: 16 }], at(0));
  expect(await shown()).toEqual(['a 3', 'b 1', 'a 1']);
});

test('two events that are far apart join one session that lies between them', async () => {
  const write = opened('sessions');
  await write(
    [0, 4, 8, 12].map((minute) => ({ region: 'a', minute })),
    at(0),
  );
  await write(
    [17, -5].map((minute) => ({ region: 'a', minute })),
    at(0),
  );
  expect(await shown()).toEqual(['a 6']);
});
