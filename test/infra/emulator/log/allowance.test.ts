import fc from 'fast-check';
import { expect, test } from 'vitest';
import { allowance } from '../../../../infra/emulator/log/allowance.ts';

test('grants the quota in one second, and again in the next', () => {
  const calls = allowance(2);
  const take = (nowMillis: number) => {
    const hasRoom = calls.hasRoom(nowMillis, 1);
    if (hasRoom) calls.take(nowMillis, 1);
    return hasRoom;
  };
  expect([0, 500, 999, 1_000, 1_001, 1_999, 2_000].map(take)).toEqual([true, true, false, true, true, false, true]);
});

test('charges an amount above the quota to the next seconds', () => {
  const bytes = allowance(2);
  bytes.take(0, 10);
  expect([0, 1_000, 3_999, 4_999].map((nowMillis) => bytes.hasRoom(nowMillis, 1))).toEqual([
    false,
    false,
    false,
    false,
  ]);
  expect(bytes.hasRoom(5_000, 1)).toBe(true);
});

test('grants an amount above the quota only when no debt is left', () => {
  const bytes = allowance(2);
  bytes.take(0, 1);
  expect(bytes.hasRoom(0, 5)).toBe(true);
  bytes.take(0, 5);
  expect(bytes.hasRoom(1_000, 5)).toBe(false);
  expect(bytes.hasRoom(2_000, 5)).toBe(true);
});

test('never grants more than its rate and one second in advance', () => {
  const uses = fc.array(fc.record({ afterMillis: fc.nat(700), amount: fc.integer({ min: 1, max: 10 }) }));
  fc.assert(
    fc.property(uses, (steps) => {
      const bytes = allowance(10);
      let nowMillis = 0;
      let taken = 0;
      for (const { afterMillis, amount } of steps) {
        nowMillis += afterMillis;
        if (!bytes.hasRoom(nowMillis, amount)) continue;
        bytes.take(nowMillis, amount);
        taken += amount;
        expect(taken).toBeLessThanOrEqual(10 * (Math.floor(nowMillis / 1_000) + 1));
      }
    }),
  );
});
