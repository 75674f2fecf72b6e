import { expect, test } from 'vitest';
import type { StoredRow } from '../../../functions/table-state/fold.ts';
import { readEvents } from '../../../functions/table-state/fold.ts';
import { foldWaiting, MOST_WAITING } from '../../../functions/table-state/fold-waiting.ts';
import { logOf } from '../../contracts/slices.ts';
import { withinJoinOf } from '../../pipelines/join-fixture.ts';

const NOON = Date.parse('2026-01-01T12:00:00Z');

const { keep } = await withinJoinOf(
  'SELECT o.number, p.payment FROM orders o LEFT JOIN payments p WITHIN 1 HOUR ON p.order_id = o.order_id',
);

const moment = { watermark: 0, arrivedMillis: NOON, hash: () => 1n };

function givenOf(count: number, side: 'orders' | 'payments') {
  const row = side === 'orders' ? { 'o.number': 1 } : { 'p.payment': 1 };
  const events = logOf(
    Array.from({ length: count }, () => ({
      key: 'a',
      time: new Date(NOON).toISOString(),
      data: { side, key: 'a', row },
    })),
  );
  const { given } = readEvents(keep, events, {
    momentOf: () => moment,
    clock: [],
    beforeTick: undefined,
    passes: undefined,
  });
  return given;
}

const folded = (count: number, waiting: number) =>
  foldWaiting(givenOf(count, 'orders'), { near: new Map(), counts: new Map([['left "a"', waiting]]) });

test('a key has a bounded number of events that wait; the next one is a dead letter that says so', () => {
  const { after, rejections } = folded(3, MOST_WAITING - 2);
  expect(after.size).toBe(2);
  expect(rejections).toMatchObject([
    {
      reason: 'too-large',
      message:
        '10000 events of its side and key wait already, with the key "a": join by more columns, or shorten WITHIN or the GRACE PERIOD',
    },
  ]);
});

test('an event meets a bounded number of others', () => {
  const near = new Map<string, StoredRow>();
  for (let i = 0; i < 2; i++)
    for (const [id, row] of foldWaiting(givenOf(600, 'orders'), { near: new Map(), counts: new Map() }).after)
      if (row !== undefined) near.set(`${id} ${i}`, row);
  const { after, rejections } = foldWaiting(givenOf(1, 'payments'), { near, counts: new Map() });
  expect(rejections).toMatchObject([{ reason: 'too-large' }]);
  expect(rejections[0]?.message).toContain('it meets 1200 events of the other side');
  expect(after.size).toBe(0);
});
