import { describe, expect, test } from 'vitest';
import { type KeptRow, openRowStore } from '../../../../infra/operation/compare/row-store.ts';
import {
  ALL_ROWS,
  COUNT_SAME,
  FIND,
  LEAVE_WAITING,
  reduceEvents,
} from '../../../../infra/operation/compare/statements.ts';

type Rows = readonly KeptRow[];

/** Compares rows of two sinks, and returns `<id> <class> <times of a>:<times of b>` of what differs. */
async function found(a: Rows, b: Rows, more: { reduced?: 'a' | 'b'; touched?: readonly string[] } = {}) {
  await using store = await openRowStore();
  await store.fill('a', portionsOf(a));
  await store.fill('b', portionsOf(b));
  await store.run(more.reduced === undefined ? ALL_ROWS : reduceEvents(more.reduced));
  await store.run(FIND);
  {
    using touched = await store.openTouched();
    for (const id of more.touched ?? []) touched.add(id);
  }
  await store.run(LEAVE_WAITING);
  const rows = await store.ask<{ text: string }>(
    "SELECT id || ' ' || class || ' ' || of_a || ':' || of_b AS text FROM found ORDER BY id",
  );
  const [same] = await store.ask<{ count: number }>(COUNT_SAME);
  return [...rows.map(({ text }) => text), `${same?.count} same`];
}

async function* portionsOf(rows: Rows): AsyncGenerator<Rows> {
  yield rows;
}

const row = (id: string, value = 'x'): KeptRow => ({ id, row: JSON.stringify([value]) });

describe('rows of two sinks', () => {
  test('one that is missing, one too many, one that is there twice, and one with another value are found', async () => {
    const a = [row('gone'), row('twice'), row('changed', 'old'), row('same')];
    const b = [row('new'), row('twice'), row('twice'), row('changed', 'new'), row('same')];
    expect(await found(a, b)).toEqual([
      'changed differs 1:1',
      'gone differs 1:0',
      'new differs 0:1',
      'twice differs 1:2',
      '1 same',
    ]);
  });

  test('of two rows of one event, one that was changed is found', async () => {
    const [a, b] = [
      [row('e', 'x'), row('e', 'x')],
      [row('e', 'x'), row('e', 'y')],
    ];
    expect(await found(a, b)).toEqual(['e differs 2:2', '0 same']);
  });

  test('one of whose events a sink has not processed waits', async () => {
    expect(await found([row('new'), row('gone')], [], { touched: ['new', 'other'] })).toEqual([
      'gone differs 1:0',
      'new waits 1:0',
      '0 same',
    ]);
  });
});

/** An event of a key in a file of the lake. `slice` is where its slice begins and ends; a merged file has none. */
function event(
  id: string,
  value: string,
  at: { file: string; slice?: [string, string]; line?: number; time?: string; isRemoval?: boolean },
): KeptRow {
  const { file, slice: [from, to] = ['', '~'], line = 0, time = '2026-01-01T00:00:00Z', isRemoval = false } = at;
  return {
    ...row(id, value),
    order: { group: file, from, to, at: `0/${line}` },
    event: { id: `${id}-${value}`, time },
    isRemoval,
  };
}

describe('the latest row of a key, compared with rows of its events', () => {
  const early = { file: 'early', slice: ['a', 'b'] as [string, string] };
  const late = { file: 'late', slice: ['b', 'c'] as [string, string] };

  test('is the last event of the last slice, whatever the times of the events say', async () => {
    const events = [
      event('k', 'first', { ...early, time: '2027-01-01T00:00:00Z' }),
      event('k', 'second', { ...late, line: 1 }),
      event('k', 'third', { ...late, line: 2 }),
    ];
    expect(await found([row('k', 'third')], events, { reduced: 'b' })).toEqual(['1 same']);
    for (const stale of ['first', 'second'])
      expect(await found([row('k', stale)], events, { reduced: 'b' })).toEqual(['k differs 1:1', '0 same']);
  });

  test('is gone when the last event deletes it, and there when a later one brings it back', async () => {
    const deleted = [event('k', 'x', early), event('k', 'x', { ...late, line: 1, isRemoval: true })];
    expect(await found([], deleted, { reduced: 'b' })).toEqual(['0 same']);
    expect(await found([row('k')], deleted, { reduced: 'b' })).toEqual(['k differs 1:0', '0 same']);
    const again = [...deleted, event('k', 'x', { ...late, line: 2 })];
    expect(await found([row('k')], again, { reduced: 'b' })).toEqual(['1 same']);
  });

  test('is unclear when it is as an event of another merged file says, of which nobody knows whether it is later', async () => {
    const events = [
      event('k', 'old', { file: 'merged-1' }),
      event('k', 'new', { file: 'merged-2', time: '2026-02-01T00:00:00Z' }),
    ];
    expect(await found(events, [row('k', 'new')], { reduced: 'a' })).toEqual(['1 same']);
    expect(await found(events, [row('k', 'old')], { reduced: 'a' })).toEqual(['k unclear 1:1', '0 same']);
    expect(await found(events, [row('k', 'other')], { reduced: 'a' })).toEqual(['k differs 1:1', '0 same']);
  });
});
