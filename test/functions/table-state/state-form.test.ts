import { expect, test } from 'vitest';
import { z } from 'zod';
import { EventRejected } from '../../../functions/runtime/errors.ts';
import type { KeyedEvent, Table } from '../../../functions/runtime/table.ts';
import { fold, MOST_ROWS, readEvents } from '../../../functions/table-state/fold.ts';
import { reducePages } from '../../../functions/table-state/reduce.ts';
import { tableDefinition } from '../../../functions/table-state/table-handler.ts';
import { logOf, sliceOf } from '../../contracts/slices.ts';
import { client, database, server, useFreshDatabases } from '../sinks/postgres/fresh-database.ts';

useFreshDatabases();

interface Adding {
  readonly of: readonly string[];
  readonly by: number;
}

/** Counts in a state of its own, and shows only what is more than 0. A sum above 9 cannot be a row. */
const sums: Table = {
  entry: '',
  from: z.unknown(),
  row: z.object({ id: z.string(), sum: z.int32() }),
  key: ['id'],
  state: {
    shape: 'sum',
    load: (text) => JSON.parse(text),
    save: (state) => JSON.stringify(state),
    rowOf(state) {
      const { id, sum } = state as { id: string; sum: number };
      return sum > 0 ? JSON.stringify({ id, sum }) : undefined;
    },
  },
  read({ data }) {
    const { of, by } = data as Adding;
    return of.map(
      (id): KeyedEvent => ({
        id,
        reduce(state) {
          const sum = ((state as { sum: number } | undefined)?.sum ?? 0) + by;
          if (sum > 9) throw new EventRejected('transform', `${id} would be ${sum}`);
          return { id, sum };
        },
      }),
    );
  },
};

const adding = (of: readonly string[], by: number) => ({ key: 'k', data: { of, by } });

async function write(given: Parameters<typeof logOf>[0], table = sums, previous = 0) {
  const { host, port, password, user } = server;
  const { resources, open } = tableDefinition(table);
  const parsed = resources.parse({ host, port, database, user, tls: 'off', auth: { password } });
  const sink = open({ step: 'shop/sums', formerly: undefined, options: undefined, resources: parsed });
  const rejections = await sink.write(sliceOf({ step: 'shop/sums', events: logOf(given), previous }));
  return rejections.map(({ message }) => message);
}

const rowsOf = async (statement: string): Promise<unknown[][]> =>
  (await client.query({ text: statement, rowMode: 'array' })).rows;

test('a state is kept while its row is hidden: −1 and then +1 is nothing, and +1 again is a row', async () => {
  const shown = () => rowsOf('SELECT id, sum FROM shop.sums ORDER BY id');
  expect(await write([adding(['a'], -1), adding(['b'], 2)])).toEqual([]);
  expect(await shown()).toEqual([['b', 2]]);
  expect(await write([adding(['a', 'b'], 1)], sums, 1)).toEqual([]);
  expect(await shown()).toEqual([['b', 3]]);
  expect(await write([adding(['a', 'b'], 1), adding(['b'], -4), adding([], 5)], sums, 2)).toEqual([]);
  expect(await shown()).toEqual([['a', 1]]);
  expect(await rowsOf('SELECT "millrace id", "millrace state" FROM shop."sums state 1" ORDER BY 1')).toEqual([
    ['a', '{"id":"a","sum":1}'],
    ['b', '{"id":"b","sum":0}'],
  ]);
  await expect(write([adding([], 1)], { ...sums, state: { ...sums.state!, shape: 'sum, count' } }, 3)).rejects.toThrow(
    /have changed since its state was made \(its state was sum and is sum, count\)/,
  );
});

test('a row that changes stays in its page, and no index gets an entry for its new version', async () => {
  await write([adding(['a'], 1)]);
  await client.query('BEGIN');
  const text = `'{"id":"a","sum":2}'`;
  await client.query(`UPDATE shop."sums state 1" SET sum = 2, "millrace row" = ${text}, "millrace state" = ${text}`);
  expect(await rowsOf(`SELECT pg_stat_get_xact_tuples_hot_updated('shop."sums state 1"'::regclass)::int`)).toEqual([
    [1],
  ]);
  await client.query('ROLLBACK');
});

test('an event that one of its rows rejects changes none of them, and the next event goes on', async () => {
  const given = [adding(['a', 'b'], 5), adding(['c', 'a'], 5), adding(['b', 'b'], 2), adding(['c'], 1)];
  expect(await write(given)).toEqual(['a would be 10']);
  expect(await rowsOf('SELECT id, sum FROM shop.sums ORDER BY id')).toEqual([
    ['a', 5],
    ['b', 9],
    ['c', 1],
  ]);
});

test('an event whose row the database rejects changes none of its rows', async () => {
  await write([adding(['a'], 1)]);
  await client.query('ALTER TABLE shop."sums state 1" ADD CHECK (sum <> 3)');
  expect(await write([adding(['b', 'a'], 1), adding(['b', 'a'], 1), adding(['b'], 4)], sums, 1)).toEqual([
    expect.stringContaining('violates check constraint'),
  ]);
  expect(await rowsOf('SELECT id, sum FROM shop.sums ORDER BY id')).toEqual([
    ['a', 2],
    ['b', 5],
  ]);
});

test('an event may meet 1,000 rows, and so many are in memory at once', async () => {
  const ids = Array.from({ length: MOST_ROWS + 1 }, (_, i) => `row ${i}`);
  const events = logOf([adding(ids, 1), adding(ids.slice(1), 1), adding(['x'], 1), adding(['y'], 1)]);
  const { given, rejections } = readEvents(sums, events, undefined);
  expect(given.length).toBe(3);
  expect(rejections.map(({ message }) => message)).toEqual([
    'the event meets 1001 rows, and an event may meet 1000: split it in a transform before the table',
  ]);
  const sizes: number[] = [];
  const store = {
    read: async () => new Map(),
    write: async ({ after }: { after: ReadonlyMap<string, unknown> }) => void sizes.push(after.size),
  };
  const pages = (async function* () {
    yield events;
  })();
  await reducePages(store as never, sums, { pages });
  expect(sizes).toEqual([1000, 2]);
});

test.each([
  ['cannot be read', { of: undefined, by: 1 }],
  ['cannot be reduced', { of: ['a'], by: 10 }],
])('a slice ends with the 25,000th event that %s, and the rest comes again', async (_, bad) => {
  const good = adding(['b'], 1);
  const events = logOf([good, ...Array.from({ length: 25_010 }, () => ({ data: bad })), good]);
  const written: ReadonlyMap<string, unknown>[] = [];
  const store = {
    read: async () => new Map(),
    write: async ({ after }: { after: ReadonlyMap<string, unknown> }) => void written.push(after),
  };
  const reading: Table = { ...sums, read: (event) => readOf(event) };
  const pagesOf = async function* (from: number) {
    yield events.slice(from);
  };
  const first = await reducePages(store as never, reading, { pages: pagesOf(0) });
  expect(first.rejections).toHaveLength(25_000);
  expect(first.upTo).toBe(events[25_000]?.position);
  const rest = await reducePages(store as never, reading, { pages: pagesOf(25_001) });
  expect(rest.rejections).toHaveLength(10);
  expect(rest.upTo).toBeUndefined();
  expect(written.filter((after) => after.has('b'))).toHaveLength(2);
});

/** Rejects data without ids when the event is read. */
function readOf(event: Parameters<Table['read']>[0]): readonly KeyedEvent[] {
  if ((event.data as Partial<Adding>).of === undefined) throw new EventRejected('schema', 'it has no ids');
  return sums.read(event);
}

test('rows of one event follow each other, also when they are the same row', () => {
  const [event] = logOf([adding(['a', 'a'], 3)]);
  const { after } = fold(sums, [{ event: event!, rows: sums.read(event!) }], new Map());
  expect(after.get('a')).toMatchObject({ state: '{"id":"a","sum":6}', row: '{"id":"a","sum":6}', eventKey: 'k' });
});
