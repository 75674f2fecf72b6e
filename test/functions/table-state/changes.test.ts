import { expect, test } from 'vitest';
import { keyFault } from '../../../functions/runtime/event.ts';
import { eventKeyOf, openChanges } from '../../../functions/table-state/changes.ts';
import type { Given, StoredRow } from '../../../functions/table-state/fold.ts';
import { logOf } from '../../contracts/slices.ts';

const stored = (row: object | undefined): StoredRow => {
  const text = row && JSON.stringify(row);
  return { state: text ?? 'hidden', row: text, eventKey: 'k' };
};

/** A step of the slice: the rows before and after some events, and the time of the last one. */
type Step = readonly [before: Record<string, StoredRow>, after: Record<string, StoredRow | undefined>, time: string];

function changesAfter(steps: readonly Step[], options: { readonly before?: boolean; readonly most?: number } = {}) {
  const changes = openChanges({ table: 't', key: ['id'], before: options.before ?? false }, options.most);
  const fitting: boolean[] = [];
  for (const [before, after, time] of steps) {
    const [event] = logOf([{ data: {}, time }]);
    const rows = Object.keys(after).map((id) => ({ id, reduce: () => undefined }));
    const change = { before: new Map(Object.entries(before)), after: new Map(Object.entries(after)) };
    fitting.push(changes.fits(change, []));
    changes.add(change, [{ event, rows } as unknown as Given]);
  }
  return { changes, fitting };
}

const textsOf = ({ changes }: ReturnType<typeof changesAfter>): readonly string[] =>
  changes
    .events()
    .map(({ type, key, time, dataBytes }) => `${type} ${key} ${time.slice(11, 13)} ${Buffer.from(dataBytes)}`);

const NINE = '2026-01-01T09:00:00Z';
const TEN = '2026-01-01T10:00:00Z';

test('several changes of a row in a slice are one, from the row before the slice to the last one', () => {
  const made = changesAfter([
    [{ a: stored({ id: 'a', n: 1 }) }, { a: stored({ id: 'a', n: 2 }), b: stored({ id: 'b', n: 1 }) }, NINE],
    [
      { a: stored({ id: 'a', n: 2 }), b: stored({ id: 'b', n: 1 }) },
      { a: undefined, b: stored({ id: 'b', n: 2 }) },
      TEN,
    ],
  ]);
  expect(textsOf(made)).toEqual(['t.deleted a 10 {"id":"a","n":1}', 't.inserted b 10 {"id":"b","n":2}']);
});

test('a row that is at the end as it was is no change, also when it came and went', () => {
  const made = changesAfter([
    [{ a: stored({ id: 'a', n: 1 }) }, { a: stored({ id: 'a', n: 2 }), b: stored({ id: 'b' }) }, NINE],
    [{ a: stored({ id: 'a', n: 2 }), b: stored({ id: 'b' }) }, { a: stored({ id: 'a', n: 1 }), b: undefined }, TEN],
  ]);
  expect(textsOf(made)).toEqual([]);
  expect(made.changes.isEmpty()).toBe(true);
});

test('a row that the table hides is deleted for readers, though its state is kept', () => {
  const made = changesAfter([
    [{ a: stored({ id: 'a' }), b: stored(undefined) }, { a: stored(undefined), b: stored({ id: 'b' }) }, NINE],
  ]);
  expect(textsOf(made)).toEqual(['t.deleted a 09 {"id":"a"}', 't.inserted b 09 {"id":"b"}']);
});

test('with before, each change has the row as it was: null, the row before, and the deleted row itself', () => {
  const made = changesAfter(
    [
      [
        { u: stored({ id: 'u', n: 1 }), d: stored({ id: 'd' }) },
        { i: stored({ id: 'i' }), u: stored({ id: 'u', n: 2 }), d: undefined },
        NINE,
      ],
    ],
    { before: true },
  );
  expect(made.changes.events().map(({ dataBytes }) => JSON.parse(Buffer.from(dataBytes).toString()))).toEqual([
    { id: 'i', before: null },
    { id: 'u', n: 2, before: { id: 'u', n: 1 } },
    { id: 'd', before: { id: 'd' } },
  ]);
});

test('a page has room until its changes have the bytes of a page, and a change that is taken back makes room again', () => {
  const big = (n: number) => stored({ id: 'a', n, text: 'x'.repeat(2_000) });
  const { fitting } = changesAfter(
    [
      [{}, { a: big(1) }, NINE],
      [{ a: big(1) }, { a: big(2) }, NINE],
      [{}, { b: big(1) }, NINE],
      [{ b: big(1) }, { b: undefined }, NINE],
      [{}, { c: big(1), d: big(1) }, NINE],
    ],
    { most: 3_000 },
  );
  expect(fitting).toEqual([true, true, false, true, false]);
});

test.each([
  [['ann'], 'ann'],
  [['ann', 'tea'], '["ann","tea"]'],
  [[1], '[1]'],
  [[null], '[null]'],
  [[''], '[""]'],
  [['k'.repeat(256)], 'k'.repeat(256)],
])('the key of a change of the row %j is %s', (values, expected) => {
  const names = values.map((_, index) => `f${index}`);
  const row = JSON.stringify(Object.fromEntries(values.map((value, index) => [`f${index}`, value])));
  expect(eventKeyOf(row, names)).toBe(expected);
});

test('the key of a change is never too long, and differs where the keys of two rows differ at their ends', () => {
  const keys = ['a', 'b'].map((end) => eventKeyOf(JSON.stringify({ id: `${'🫖'.repeat(400)}${end}` }), ['id']));
  expect(keys.map(keyFault)).toEqual([undefined, undefined]);
  expect(keys[0]).not.toBe(keys[1]);
});
