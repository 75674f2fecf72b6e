import fc from 'fast-check';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { defineTable } from '../../../functions/runtime/table.ts';
import { newClock } from '../../../functions/runtime/time/clock.ts';
import { WHOLE_SPACE } from '../../../functions/runtime/time/tick.ts';
import { session, tumbling } from '../../../functions/runtime/windows.ts';
import { fold, readEvents, type StoredRow } from '../../../functions/table-state/fold.ts';
import { type NearRows, type RowStore, reducePages } from '../../../functions/table-state/reduce.ts';
import { logOf } from '../../contracts/slices.ts';

const MINUTE = 60_000;
const NOON = Date.parse('2026-01-01T12:00:00Z');
const GAP = 5;

const Visit = z.object({ user: z.string(), page: z.int32() });
const Row = z.object({ user: z.string(), pages: z.array(z.int32()) });

const visits = defineTable({
  entry: import.meta.url,
  from: Visit,
  row: Row,
  key: ['user'],
  window: session({ gap: GAP * MINUTE, grace: 0 }),
  reduce: (row, { data: { user, page } }) => ({ user, pages: [...(row?.pages ?? []), page] }),
  merge: (one, other) => ({ user: one.user, pages: [...one.pages, ...other.pages] }),
});

interface Visited {
  readonly user: string;
  readonly minute: number;
}

const time = {
  momentOf: () => ({ watermark: Number.NEGATIVE_INFINITY, arrivedMillis: NOON + 1e9, hash: () => 0n }),
  clock: newClock(WHOLE_SPACE),
  beforeTick: undefined,
  passes: undefined,
};

const eventsOf = (visited: readonly Visited[]) =>
  logOf(
    visited.map(({ user, minute }, page) => ({
      key: user,
      time: new Date(NOON + minute * MINUTE).toISOString(),
      data: { user, page },
    })),
  );

/** Folds visits in portions, each from the rows that the one before has left. */
function folded(visited: readonly Visited[], portion: number): ReadonlyMap<string, StoredRow> {
  const events = eventsOf(visited);
  const rows = new Map<string, StoredRow>();
  for (let start = 0; start < events.length; start += portion) {
    const { given } = readEvents(visits, events.slice(start, start + portion), time);
    const { after, rejections } = fold(visits, given, new Map(rows));
    expect(rejections).toEqual([]);
    for (const [id, row] of after) {
      if (row === undefined) rows.delete(id);
      else rows.set(id, row);
    }
  }
  return rows;
}

/** The sessions of the same visits, computed from all of them at once. */
function batch(visited: readonly Visited[]) {
  const sessions: { user: string; start: number; end: number; pages: number[] }[] = [];
  const sorted = visited.map((one, page) => ({ ...one, page })).sort((a, b) => a.minute - b.minute);
  for (const { user, minute, page } of sorted) {
    const open = sessions.findLast((one) => one.user === user);
    if (open !== undefined && minute <= open.end + GAP) {
      open.end = minute;
      open.pages.push(page);
    } else sessions.push({ user, start: minute, end: minute, pages: [page] });
  }
  return sessions;
}

const minuteOf = (text: string): number => (Date.parse(text) - NOON) / MINUTE;

test('events make the same sessions in whatever order they come, and however batches are cut', () => {
  const visit = fc.record({ user: fc.constantFrom('ann', 'bob'), minute: fc.nat(60) });
  fc.assert(
    fc.property(fc.array(visit, { maxLength: 25 }), fc.integer({ min: 1, max: 25 }), (visited, portion) => {
      const found = [...folded(visited, portion).values()].map(({ row, window }) => {
        const { user, pages, window_start, window_end } = JSON.parse(row ?? '') as {
          user: string;
          pages: number[];
          window_start: string;
          window_end: string;
        };
        const [start, end] = [minuteOf(window_start), minuteOf(window_end)];
        expect([window?.start, window?.end]).toEqual([NOON + start * MINUTE, NOON + end * MINUTE]);
        return { user, start, end, pages: pages.toSorted((a, b) => a - b) };
      });
      const wanted = batch(visited).map((one) => ({ ...one, pages: one.pages.toSorted((a, b) => a - b) }));
      const inOrder = (one: { user: string; start: number }) => `${one.user} ${String(one.start).padStart(3, '0')}`;
      const sorted = <T extends { user: string; start: number }>(all: T[]): T[] =>
        all.sort((a, b) => (inOrder(a) < inOrder(b) ? -1 : 1));
      expect(sorted(found)).toEqual(sorted(wanted));
    }),
    { numRuns: 200 },
  );
});

test('a batch reads the sessions near its events, not all that lie between two of them', async () => {
  const read: NearRows[] = [];
  const store: Pick<RowStore, 'near' | 'write'> = {
    async near(near) {
      read.push(...near);
      return new Map();
    },
    write: async () => undefined,
  };
  const visited = [1000, 0, 6].map((minute) => ({ user: 'ann', minute }));
  const pages = (async function* () {
    yield eventsOf(visited);
  })();
  await reducePages(store as RowStore, visits, { pages, time });
  const minutes = read.map(({ from, to }) => [(from - NOON) / MINUTE, (to - NOON) / MINUTE]);
  expect(minutes).toEqual([
    [-5, 11],
    [995, 1005],
  ]);
});

test('an event loads the states of the sessions that it joins, and of no others of its key', () => {
  const before = folded(
    [0, 100, 104, 200].map((minute) => ({ user: 'ann', minute })),
    4,
  );
  const loaded: string[] = [];
  const load = (text: string) => {
    loaded.push(text);
    return text;
  };
  const state = { shape: 'text', load, save: String, rowOf: String };
  const { given } = readEvents(visits, eventsOf([{ user: 'ann', minute: 96 }]), time);
  const { after } = fold({ ...visits, state }, given, before);
  expect(loaded.map((text) => JSON.parse(text).pages)).toEqual([[1, 2]]);
  expect([...after.values()].filter((row) => row !== undefined)).toHaveLength(1);
});

test('sessions need merge, and other windows have none', () => {
  const table = {
    entry: import.meta.url,
    from: Visit,
    row: Row,
    key: ['user'] as const,
    reduce: (_: unknown, { data: { user } }: { data: { user: string } }) => ({ user, pages: [] }),
  };
  expect(() => defineTable({ ...table, window: session({ gap: 1_000 }) })).toThrow(
    'an event between two sessions makes one of them: give the table a function merge(one, other)',
  );
  expect(() => defineTable({ ...table, window: tumbling({ size: 1_000 }), merge: (one) => one })).toThrow(
    'merge is for tables whose windows are sessions: remove it',
  );
});
