import { expect, test } from 'vitest';
import { z } from 'zod';
import { encodeState } from '../../../functions/runtime/checkpoints/step-state.ts';
import { StaleCheckpoint } from '../../../functions/runtime/errors.ts';
import type { Corrections, LeftLetters, OpenSink, Rebuild, Slice } from '../../../functions/runtime/sink.ts';
import { defineTable, type Table } from '../../../functions/runtime/table.ts';
import type { Clock } from '../../../functions/runtime/time/clock.ts';
import { WHOLE_SPACE } from '../../../functions/runtime/time/tick.ts';
import { tumbling } from '../../../functions/runtime/windows.ts';
import { type TableOptions, tableDefinition } from '../../../functions/table-state/table-handler.ts';
import { type Given, logOf, positionAfter, sliceOf } from '../../contracts/slices.ts';
import { noDeadline } from '../../eventually.ts';
import { client, database, server, useFreshDatabases } from '../sinks/postgres/fresh-database.ts';

useFreshDatabases();

const Value = z.object({ id: z.string(), n: z.int32() });
const SHARD = 'stream/shardId-000000000000';
const ALL = 2n ** 128n - 1n;

const sums = defineTable({
  entry: import.meta.url,
  from: Value,
  row: z.object({ id: z.string(), sum: z.int32() }),
  key: ['id'],
  reduce: (row, { data: { id, n } }) => ({ id, sum: (row?.sum ?? 0) + n }),
});

/** Counts in place of adding, and refuses a negative number. */
const countedIn = (column: string): Table<never> =>
  defineTable({
    entry: import.meta.url,
    from: Value,
    row: z.object({ id: z.string(), [column]: z.int32() }),
    key: ['id'],
    reduce(row, { data: { id, n } }) {
      if (n < 0) throw new Error('negative');
      return { id, [column]: (Number((row as Readonly<Record<string, unknown>> | undefined)?.[column]) || 0) + 1 };
    },
  }) as unknown as Table<never>;

const counts = countedIn('count');

interface Opening {
  readonly step?: string;
  readonly formerly?: string;
  readonly options?: TableOptions;
}

function processOf(table: Table<never>, { step = 'shop/sums', formerly, options }: Opening = {}): OpenSink {
  const { host, port, password, user } = server;
  const { resources, open } = tableDefinition(table);
  const parsed = resources.parse({ host, port, database, user, tls: 'off', auth: { password } });
  return open({ step, formerly, options, resources: parsed });
}

const value = (id: string, n: number): Given => ({ key: id, data: { id, n } });
const LOG: readonly Given[] = [value('a', 1), value('b', 2), value('a', -3)];

/** Writes events of the log: those from one index to another. */
async function write(
  sink: OpenSink,
  log: readonly Given[],
  of: { from?: number; previous?: number; step?: string } = {},
) {
  const { from = 0, previous = 0, step = 'shop/sums' } = of;
  await sink.write(sliceOf({ step, events: logOf(log).slice(from), previous }));
}

const lookOf = async (sink: OpenSink): Promise<Rebuild | Corrections | LeftLetters | undefined> =>
  sink.rebuild?.(noDeadline());

async function rebuildOf(sink: OpenSink): Promise<Rebuild> {
  const rebuild = await lookOf(sink);
  if (rebuild?.kind !== 'rebuild') throw new Error('nothing is to be made again');
  return rebuild;
}

/** Fills the new state with events of the log. */
async function fill(
  sink: OpenSink,
  log: readonly Given[],
  { under, step = 'shop/sums' }: Pick<Rebuild, 'under'> & { readonly step?: string },
) {
  const shard = `${under}${SHARD}`;
  await sink.write(sliceOf({ step, shard, events: logOf(log), keepsLetters: true }));
}

const swap = (rebuild: Rebuild, count: number): Promise<boolean> =>
  rebuild.swap(new Map([[SHARD, { upTo: positionAfter(count), from: 0n, to: ALL, isOpen: true }]]), noDeadline());

async function shown(table = 'shop.sums'): Promise<string> {
  const { rows } = await client.query<Record<string, unknown>>(`SELECT * FROM ${table} ORDER BY id COLLATE "C"`);
  return rows.map((row) => Object.values(row).join(' ')).join(', ');
}

async function statesThere(): Promise<readonly string[]> {
  const { rows } = await client.query<{ name: string }>(
    `SELECT relname AS name FROM pg_class WHERE relkind = 'r' AND relnamespace = 'shop'::regnamespace ORDER BY relname`,
  );
  return rows.map(({ name }) => name);
}

test('the view shows the former rows until all others are there, and keeps its grants although its columns change', async () => {
  await write(processOf(sums), LOG);
  await client.query('CREATE ROLE analyst; GRANT SELECT ON shop.sums TO analyst WITH GRANT OPTION');
  const sink = processOf(counts);
  const rebuild = await rebuildOf(sink);
  expect([...rebuild.committed.keys()]).toEqual([SHARD]);
  await fill(sink, LOG, rebuild);
  expect(await shown()).toBe('a -2, b 2');
  expect(await swap(rebuild, 3)).toBe(true);
  expect(await shown()).toBe('a 1, b 1');
  const { rows } = await client.query(
    `SELECT has_table_privilege('analyst', 'shop.sums', 'SELECT WITH GRANT OPTION') AS granted`,
  );
  expect(rows).toEqual([{ granted: true }]);
  expect(await statesThere()).toEqual(['sums state 2']);
  await write(sink, [...LOG, value('b', 7)], { from: 3, previous: 2 });
  expect(await shown()).toBe('a 1, b 2');
  const progress = await client.query('SELECT shard, revision FROM millrace_progress');
  expect(progress.rows).toEqual([{ shard: SHARD, revision: '3' }]);
  await client.query('DROP OWNED BY analyst; DROP ROLE analyst');
});

test('the swap changes nothing when a shard has moved on, and no process of the former code commits after it', async () => {
  const former = processOf(sums);
  await write(former, LOG);
  const sink = processOf(counts);
  const early = await rebuildOf(sink);
  await fill(sink, LOG, early);
  await write(former, [...LOG, value('c', 1)], { from: 3, previous: 1 });
  expect(await swap(early, 3)).toBe(false);
  expect(await shown()).toBe('a -2, b 2, c 1');
  const late = await rebuildOf(sink);
  await sink.write(
    sliceOf({
      step: 'shop/sums',
      shard: `${late.under}${SHARD}`,
      events: logOf([...LOG, value('c', 1)]).slice(3),
      previous: 1,
      keepsLetters: true,
    }),
  );
  expect(await swap(late, 4)).toBe(true);
  expect(await swap(late, 4)).toBe(false);
  await expect(write(former, [...LOG, value('c', 1), value('c', 1)], { from: 4, previous: 2 })).rejects.toThrow(
    /have changed since its state was made/,
  );
  await expect(write(sink, [...LOG, value('c', 1), value('c', 1)], { from: 4, previous: 2 })).rejects.toThrow(
    StaleCheckpoint,
  );
  expect(await shown()).toBe('a 1, b 1, c 1');
});

test('what others have made of the view is not dropped: the former rows stay until they have dropped it', async () => {
  await write(processOf(sums), LOG);
  await client.query('CREATE VIEW best AS SELECT id FROM shop.sums WHERE sum > 1');
  const sink = processOf(counts);
  const rebuild = await rebuildOf(sink);
  await fill(sink, LOG, rebuild);
  await expect(swap(rebuild, 3)).rejects.toThrow(
    /cannot take the place of the former one, because others depend on that: view best depends on view shop\.sums\. Drop them/,
  );
  expect(await shown()).toBe('a -2, b 2');
  await client.query('DROP VIEW best');
  expect(await swap(await rebuildOf(sink), 3)).toBe(true);
  expect(await shown()).toBe('a 1, b 1');
});

test('other code drops what the code before it has begun, and the first code goes on with its own rows', async () => {
  const first = processOf(sums);
  await write(first, LOG);
  const second = processOf(counts);
  await fill(second, LOG, await rebuildOf(second));
  const third = processOf(countedIn('times'));
  await fill(third, LOG, await rebuildOf(third));
  expect(await statesThere()).toEqual(['sums state 1', 'sums state 3']);
  await expect(fill(second, LOG, { under: 'rebuild/2/' })).rejects.toThrow(/is made again by other code/);
  const firstAgain = processOf(sums);
  expect(await lookOf(firstAgain)).toBeUndefined();
  expect(await statesThere()).toEqual(['sums state 1']);
  await write(firstAgain, [...LOG, value('b', 1)], { from: 3, previous: 1 });
  expect(await shown()).toBe('a -2, b 3');
  expect((await client.query('SELECT shard FROM millrace_progress')).rows).toEqual([{ shard: SHARD }]);
});

test('a step that is renamed and changed at once takes the table over and makes it again', async () => {
  const former = processOf(sums);
  await write(former, LOG);
  const renamed = processOf(counts, { step: 'shop/counts', formerly: 'shop/sums' });
  const rebuild = await rebuildOf(renamed);
  expect(await shown('shop.counts')).toBe('a -2, b 2');
  await fill(renamed, LOG, { ...rebuild, step: 'shop/counts' });
  expect(await swap(rebuild, 3)).toBe(true);
  expect(await shown('shop.counts')).toBe('a 1, b 1');
  await write(renamed, [...LOG, value('b', 1)], { from: 3, previous: 1, step: 'shop/counts' });
  expect(await shown('shop.counts')).toBe('a 1, b 2');
  await expect(write(former, [...LOG, value('b', 1)], { from: 3, previous: 1 })).rejects.toThrow(/is gone/);
});

test('dead letters wait for the swap, and an event that is put back counts only where its original was refused', async () => {
  await write(processOf(sums), LOG);
  const sink = processOf(counts);
  const rebuild = await rebuildOf(sink);
  await fill(sink, LOG, rebuild);
  await swap(rebuild, 3);
  const letters = (await lookOf(sink)) as LeftLetters;
  expect(letters).toMatchObject({
    kind: 'letters',
    shard: SHARD,
    rejections: [{ at: positionAfter(3), message: expect.stringContaining('negative') }],
  });
  await letters.stored(noDeadline());
  expect(await lookOf(sink)).toBeUndefined();
  const back = (place: number, id: string): Given => ({
    ...value(id, 1),
    redriven: { redrivenFor: 'shop/sums', redrivenFrom: `${SHARD}/${positionAfter(place)}` },
  });
  // The first was not refused; the third was, and is put back twice; the fifth is a dead letter of later.
  const more = [value('b', 1), back(1, 'a'), back(3, 'a'), back(3, 'a'), back(5, 'b')];
  await write(sink, [...LOG, ...more], { from: 3, previous: 2 });
  expect(await shown()).toBe('a 2, b 3');
  await write(sink, [...LOG, ...more, back(3, 'a')], { from: 8, previous: 3 });
  expect(await shown()).toBe('a 2, b 3');
});

const PUBLISHED: Opening = { options: { changes: { before: true } } };

/** Writes a slice, and keeps what it publishes as its page: one line for each event. */
async function publish(
  sink: OpenSink,
  slice: Partial<Parameters<typeof sliceOf>[0]>,
  by: (slice: Slice) => Promise<unknown> = sink.write,
): Promise<void> {
  await by(
    sliceOf({
      step: 'shop/sums',
      events: [],
      to: positionAfter(3)!,
      ...slice,
      outbox: (made) => {
        const lines = made?.events.map(({ type, dataBytes }) => `${type} ${Buffer.from(dataBytes)}`) ?? [];
        return { page: lines.length === 0 ? undefined : Buffer.from(lines.join('\n')), closes: [] };
      },
    }),
  );
}

async function pageOf(sink: OpenSink): Promise<string> {
  return Buffer.from((await sink.loadProgress?.(SHARD, noDeadline()))?.page ?? []).toString();
}

test('readers of the changes get the last page of the former rows, and then each row that differs, before all else', async () => {
  const former = processOf(sums, PUBLISHED);
  await publish(former, { events: logOf(LOG) });
  const last = await pageOf(former);
  const sink = processOf(counts, PUBLISHED);
  const rebuild = await rebuildOf(sink);
  await fill(sink, LOG, rebuild);
  expect(await swap(rebuild, 3)).toBe(true);
  expect(await shown()).toBe('a 1, b 1');
  expect(last).toContain('sums.inserted');
  expect(await pageOf(sink)).toBe(last);
  const corrections = (await lookOf(sink)) as Corrections;
  expect(corrections).toMatchObject({ kind: 'corrections', shards: [SHARD] });
  const part = await corrections.next(noDeadline());
  const twin = await corrections.next(noDeadline());
  const write = (of: typeof part) => publish(sink, { previous: 2 }, async (slice) => of?.write(slice));
  await write(part);
  await expect(write(twin)).rejects.toThrow(StaleCheckpoint);
  expect(await pageOf(sink)).toBe(
    [
      'sums.updated {"id":"a","count":1,"before":{"id":"a","sum":-2}}',
      'sums.updated {"id":"b","count":1,"before":{"id":"b","sum":2}}',
    ].join('\n'),
  );
  expect(await corrections.next(noDeadline())).toBeUndefined();
  expect(await statesThere()).toEqual(['sums state 1', 'sums state 2']);
  await corrections.end(noDeadline());
  expect(await statesThere()).toEqual(['sums state 2']);
  expect(await lookOf(sink)).toMatchObject({ kind: 'letters' });
});

test('a process that has looked before the swap writes nothing until the readers know what is other', async () => {
  const early = processOf(sums, PUBLISHED);
  await publish(early, { events: logOf(LOG) });
  expect(await lookOf(early)).toBeUndefined();
  const sink = processOf(sums, PUBLISHED);
  await (await sink.again?.('request 1', noDeadline()))?.note(noDeadline());
  const rebuild = await rebuildOf(sink);
  await fill(sink, [value('a', 100)], rebuild);
  expect(await swap(rebuild, 3)).toBe(true);
  const next = { events: logOf([...LOG, value('b', 1)]).slice(3), previous: 2, to: positionAfter(4)! };
  await expect(publish(early, next)).rejects.toThrow('was made again by another process: the next attempt looks anew');
  const corrections = (await lookOf(early)) as Corrections;
  const part = await corrections.next(noDeadline());
  await publish(early, { previous: 2 }, async (slice) => part?.write(slice));
  expect(await pageOf(early)).toContain('sums.updated {"id":"a","sum":100,"before":{"id":"a","sum":-2}}');
  expect(await corrections.next(noDeadline())).toBeUndefined();
  await corrections.end(noDeadline());
  expect(await lookOf(early)).toBeUndefined();
  await publish(early, { ...next, previous: 3 });
  expect(await pageOf(early)).toBe('sums.inserted {"id":"b","sum":1,"before":null}');
});

test('code that is deployed before the readers know all tells them first, and then begins with its own rows', async () => {
  await publish(processOf(sums, PUBLISHED), { events: logOf(LOG) });
  const second = processOf(counts, PUBLISHED);
  const rebuild = await rebuildOf(second);
  await fill(second, LOG, rebuild);
  await swap(rebuild, 3);
  const back = processOf(sums, PUBLISHED);
  const corrections = (await lookOf(back)) as Corrections;
  const part = await corrections.next(noDeadline());
  await publish(back, { previous: 2 }, async (slice) => part?.write(slice));
  expect(await corrections.next(noDeadline())).toBeUndefined();
  await corrections.end(noDeadline());
  expect(await rebuildOf(back)).toMatchObject({ under: 'rebuild/3/' });
});

test('a process that is late with its corrections neither settles nor passes rows of the next ones', async () => {
  await publish(processOf(sums, PUBLISHED), { events: logOf(LOG) });
  const sink = processOf(counts, PUBLISHED);
  const rebuild = await rebuildOf(sink);
  await fill(sink, LOG, rebuild);
  await swap(rebuild, 3);
  const late = (await lookOf(sink)) as Corrections;
  const openFor = (state: string) => client.query("UPDATE millrace_corrections SET low = $1 WHERE shard = ''", [state]);
  await openFor('3');
  await expect(late.next(noDeadline())).rejects.toThrow(StaleCheckpoint);
  // An earlier version did not say which state they are of.
  await openFor('');
  expect(await late.next(noDeadline())).toBeDefined();
});

/** Counts by the number, in place of adding by the id: the same texts are ids of other rows. */
const byNumber = defineTable({
  entry: import.meta.url,
  from: Value,
  row: z.object({ n: z.int32(), count: z.int32() }),
  key: ['n'],
  reduce: (row, { data: { n } }) => ({ n, count: (row?.count ?? 0) + 1 }),
}) as unknown as Table<never>;

test('where the key has changed, readers get a deletion of each former row by its key, and then each new row by its own', async () => {
  await publish(processOf(sums, PUBLISHED), { events: logOf(LOG) });
  const sink = processOf(byNumber, PUBLISHED);
  const rebuild = await rebuildOf(sink);
  await fill(sink, LOG, rebuild);
  expect(await swap(rebuild, 3)).toBe(true);
  const corrections = (await lookOf(sink)) as Corrections;
  const published: string[] = [];
  for (let revision = 2, part = await corrections.next(noDeadline()); part !== undefined; revision++) {
    await publish(sink, { previous: revision }, async (slice) => part?.write(slice));
    published.push(...(await pageOf(sink)).split('\n'), '');
    part = await corrections.next(noDeadline());
  }
  expect(published).toEqual([
    'sums.deleted {"id":"a","sum":-2,"before":{"id":"a","sum":-2}}',
    'sums.deleted {"id":"b","sum":2,"before":{"id":"b","sum":2}}',
    '',
    'sums.inserted {"n":-3,"count":1,"before":null}',
    'sums.inserted {"n":1,"count":1,"before":null}',
    'sums.inserted {"n":2,"count":1,"before":null}',
    '',
  ]);
  await corrections.end(noDeadline());
  expect(await lookOf(sink)).toBeUndefined();
});

const MINUTE = 60_000;
const NOON = Date.parse('2026-11-22T12:00:00Z');

/** Adds up by windows of ten minutes, or counts. */
const quarters = (column: 'sum' | 'count', { retention = 30, grace = 0 } = {}): Table<never> =>
  defineTable({
    entry: import.meta.url,
    from: Value,
    row: z.object({ id: z.string(), [column]: z.int32() }),
    key: ['id'],
    window: tumbling({ size: 10 * MINUTE, grace: grace * MINUTE, retention: retention * MINUTE, emit: 'final' }),
    reduce: (row, { data: { id, n } }) => ({
      id,
      [column]: (Number((row as Record<string, unknown> | undefined)?.[column]) || 0) + (column === 'sum' ? n : 1),
    }),
  }) as unknown as Table<never>;

/**
 * Events of a minute after noon each, and the time after them, which the state of the progress says as the log does.
 */
function timed(minutesOf: readonly number[], at: number, under = ''): Slice {
  const events = logOf(minutesOf.map((minute) => ({ ...value('a', 5), time: iso(NOON + minute * MINUTE) })));
  const clock: Clock = [{ ...WHOLE_SPACE, watermark: NOON + at * MINUTE, passed: new Map() }];
  const moment = { watermark: Number.NEGATIVE_INFINITY, arrivedMillis: NOON + 600 * MINUTE, hash: () => 0n };
  const state = encodeState({ position: positionAfter(minutesOf.length), marks: [], rejections: [], clock });
  const slice = sliceOf({ step: 'shop/sums', shard: `${under}${SHARD}`, events, keepsLetters: under !== '' });
  return {
    ...slice,
    time: { momentOf: () => moment, clock, beforeTick: undefined, passes: undefined },
    progress: (rejections, made) => {
      const lines = made?.events.map(({ type, time, dataBytes }) => `${type} ${time} ${Buffer.from(dataBytes)}`) ?? [];
      const page = lines.length === 0 ? undefined : Buffer.from(lines.join('\n'));
      return { ...slice.progress(rejections, made), state, ...(under === '' ? { outbox: { page, closes: [] } } : {}) };
    },
  };
}

const iso = (millis: number): string => new Date(millis).toISOString();

test('of windows, readers get corrections at the time of the window, and none of those that the former code no longer kept', async () => {
  // At half past one, the windows that end by ten past one are no longer kept; those after twenty past are open.
  const came = [0, 65, 75, 85];
  await processOf(quarters('sum'), PUBLISHED).write(timed(came, 90));
  expect(await shown('(SELECT id, sum, window_start FROM shop.sums) AS windows')).toContain('a 5');
  const sink = processOf(quarters('count', { retention: 600, grace: 30 }), PUBLISHED);
  const rebuild = await rebuildOf(sink);
  await sink.write(timed(came, 90, rebuild.under));
  expect(await swap(rebuild, 4)).toBe(true);
  const corrections = (await lookOf(sink)) as Corrections;
  const part = await corrections.next(noDeadline());
  const { progress } = timed(came, 90);
  await publish(sink, { previous: 2 }, async (slice) =>
    part?.write({
      ...slice,
      progress: (rejections, made) => ({ ...slice.progress(rejections, made), state: progress([]).state }),
    }),
  );
  const windows = (minute: number) => `"window_start":"${iso(NOON + minute * MINUTE)}"`;
  const page = await pageOf(sink);
  expect(page).not.toContain(windows(0));
  for (const minute of [70, 80]) expect(page).toContain(`sums.updated {"id":"a","count":1,${windows(minute)}`);
  expect(await corrections.next(noDeadline())).toBeUndefined();
  await corrections.end(noDeadline());
  const { rows } = await client.query('SELECT window_start FROM shop.sums ORDER BY window_start');
  expect(rows.map(({ window_start }) => (window_start.getTime() - NOON) / MINUTE)).toEqual([70, 80]);
});

test('when an operator asks, the table is made again with the same code, and all processes wait for that', async () => {
  const sink = processOf(sums);
  await write(sink, LOG);
  const other = processOf(sums);
  await write(other, [...LOG, value('b', 1)], { from: 3, previous: 1 });
  const asked = await sink.again?.('request 1', noDeadline());
  expect(asked).toMatchObject({ kind: 'new' });
  await asked?.note(noDeadline());
  const log = [...LOG, value('b', 1), value('b', 1)];
  await expect(write(other, log, { from: 4, previous: 2 })).rejects.toThrow(
    /is being made again, as an operator has asked/,
  );
  expect(await sink.again?.('request 2', noDeadline())).toMatchObject({ kind: 'pending' });
  const rebuild = await rebuildOf(other);
  await fill(other, [value('a', 100)], rebuild);
  expect(await swap(rebuild, 4)).toBe(true);
  expect(await shown()).toBe('a 100');
  expect(await sink.again?.('request 2', noDeadline())).toMatchObject({ kind: 'done' });
  await write(other, log, { from: 4, previous: 3 });
  expect(await shown()).toBe('a 100, b 1');
  const third = await sink.again?.('request 3', noDeadline());
  await third?.note(noDeadline());
  await (await rebuildOf(sink)).takeBack?.(noDeadline());
  await write(processOf(sums), [...log, value('b', 1)], { from: 5, previous: 4 });
  expect(await shown()).toBe('a 100, b 2');
});
