import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, test } from 'vitest';
import type { ReceivedEvent } from '../../../functions/runtime/event.ts';
import { fold } from '../../../functions/table-state/fold.ts';
import { noRows, openKeptRows, type ShardRows } from '../../../functions/table-state/kept-rows.ts';
import type { Prepared } from '../../../functions/table-state/make-table.ts';

const state: Prepared = {
  name: 'shop."counts state 1"',
  columns: [],
  hasState: false,
  hasWindows: false,
  number: 1,
  fingerprint: 'f',
  goneMillis: undefined,
};

const rowsOf = (...ids: readonly string[]): ShardRows => {
  const rows = noRows(state);
  for (const id of ids)
    rows.set(id, { row: { state: 'x'.repeat(700), row: 'x', eventKey: id }, tid: '(0,1)', version: '7' });
  return rows;
};

const idsIn = (rows: ShardRows): readonly string[] => [...rows.rows.keys()];

test('the rows of a shard are given back once, for the revision that they were kept with', () => {
  const kept = openKeptRows();
  kept.put('s', state, { revision: 4, rows: rowsOf('a', 'b') });
  expect(idsIn(kept.take('other', state, 4))).toEqual([]);
  expect(idsIn(kept.take('s', state, 4))).toEqual(['a', 'b']);
  expect(idsIn(kept.take('s', state, 4))).toEqual([]);
});

test.each([
  ['another revision', state, 5],
  ['another state', { ...state, name: 'shop."counts state 2"' }, 4],
  ['a state that was altered', { ...state, fingerprint: 'g' }, 4],
])('rows are not given back for %s, then or later', (_, asked, revision) => {
  const kept = openKeptRows();
  kept.put('s', state, { revision: 4, rows: rowsOf('a') });
  expect(idsIn(kept.take('s', asked, revision))).toEqual([]);
  expect(idsIn(kept.take('s', state, 4))).toEqual([]);
});

test('rows with windows are not kept: statements close and drop them that know no ids', () => {
  const kept = openKeptRows();
  kept.put('s', { ...state, hasWindows: true }, { revision: 4, rows: rowsOf('a') });
  expect(idsIn(kept.take('s', { ...state, hasWindows: true }, 4))).toEqual([]);
});

test('the rows in memory are bounded, for all shards together: those that came last stay', () => {
  const kept = openKeptRows(2_500);
  kept.put('s', state, { revision: 1, rows: rowsOf('a', 'b', 'c') });
  expect(idsIn(kept.take('s', state, 1))).toEqual(['b', 'c']);
  kept.put('s', state, { revision: 2, rows: rowsOf('b', 'c') });
  kept.put('t', state, { revision: 1, rows: rowsOf('d') });
  expect(idsIn(kept.take('t', state, 1))).toEqual(['d']);
  expect(idsIn(kept.take('s', state, 2))).toEqual([]);
});

test('the bytes of the rows are counted as rows come, change and go', () => {
  const rows = rowsOf('a', 'b');
  const two = rows.bytes;
  rows.set('a', { row: { state: 'x'.repeat(900), row: 'x', eventKey: 'a' }, tid: '(0,2)', version: '8' });
  expect(rows.bytes).toBe(two + 200);
  rows.delete('a');
  expect(2 * rows.bytes).toBe(two);
  rows.delete('a');
  rows.delete('b');
  expect(rows.bytes).toBe(0);
});

test('a row that is kept keeps its state in memory, and not the event that made it, with its record', async () => {
  setFlagsFromString('--expose-gc');
  const collectGarbage = runInNewContext('gc') as () => void;
  const form = { shape: 's', load: (text: string) => text, save: String, rowOf: String, sizeOf: () => 1 };
  const madeRow = () => {
    const event = { key: 'k' } as ReceivedEvent;
    const { after } = fold({ state: form }, [{ event, rows: [{ id: 'k', reduce: () => 'counted' }] }], new Map());
    return { row: after.get('k'), event: new WeakRef(event) };
  };
  const { row, event } = madeRow();
  // A WeakRef holds its object until the job is over that made it.
  await new Promise(setImmediate);
  collectGarbage();
  expect(row?.row).toBe('counted');
  expect(event.deref()).toBeUndefined();
});
