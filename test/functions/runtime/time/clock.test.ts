import { describe, expect, test } from 'vitest';
import type { HashRange } from '../../../../functions/runtime/event.ts';
import {
  afterEvent,
  afterTick,
  type Clock,
  decodeClock,
  encodeClock,
  inheritedClock,
  lowestWatermark,
  newClock,
  StoredClock,
  watermarkFor,
} from '../../../../functions/runtime/time/clock.ts';
import { type Tick, WHOLE_SPACE } from '../../../../functions/runtime/time/tick.ts';

const SOURCES = { steps: [], scheduled: true };
const STEPS = { steps: ['p/one', 'p/two'], scheduled: false };
const HALF = 1n << 127n;
const LOW: HashRange = { from: 0n, to: HALF - 1n };
const HIGH: HashRange = { from: HALF, to: WHOLE_SPACE.to };

const whole = newClock(WHOLE_SPACE);
const tick = (millis: number, aim: HashRange = WHOLE_SPACE): Tick => ({ millis, aim });
const passed = (step: string, millis: number, { from, to }: HashRange): Tick => ({
  millis,
  aim: WHOLE_SPACE,
  from: { step, from, to },
});
const told = (clock: Clock, ticks: readonly Tick[], time: Parameters<typeof afterTick>[2] = STEPS): Clock =>
  ticks.reduce((one, each) => afterTick(one, each, time), clock);
const marks = (clock: Clock) => clock.map(({ from, to, watermark }) => [from, to, watermark]);

describe('the clock of a stream that sources write', () => {
  test('moves with ticks and with events, and never goes back', () => {
    const clock = afterEvent(afterTick(whole, tick(100), SOURCES), 90, SOURCES);
    expect(lowestWatermark(clock)).toBe(100);
    expect(lowestWatermark(afterTick(afterEvent(clock, 120, SOURCES), tick(110), SOURCES))).toBe(120);
  });

  test('has no time before the first tick or event', () => {
    expect(lowestWatermark(whole)).toBe(Number.NEGATIVE_INFINITY);
  });

  test('moves only in the range that a tick is aimed at', () => {
    const clock = afterTick(whole, tick(100, LOW), SOURCES);
    expect(marks(clock)).toEqual([
      [LOW.from, LOW.to, 100],
      [HIGH.from, HIGH.to, Number.NEGATIVE_INFINITY],
    ]);
    expect([1n, HALF].map((hash) => watermarkFor(clock, () => hash))).toEqual([100, Number.NEGATIVE_INFINITY]);
    expect(marks(afterTick(clock, tick(100, HIGH), SOURCES))).toEqual([[0n, WHOLE_SPACE.to, 100]]);
  });

  test('does not listen to steps that do not write into the stream', () => {
    expect(afterTick(whole, passed('p/other', 100, WHOLE_SPACE), SOURCES)).toBe(whole);
  });
});

describe('the clock of a stream that steps write', () => {
  test('shows the lowest time of all steps, over the whole hash space of their inputs', () => {
    const one = told(whole, [passed('p/one', 100, LOW), passed('p/one', 120, HIGH)]);
    expect(lowestWatermark(one)).toBe(Number.NEGATIVE_INFINITY);
    expect(lowestWatermark(told(one, [passed('p/two', 90, WHOLE_SPACE)]))).toBe(90);
    expect(lowestWatermark(told(one, [passed('p/two', 110, WHOLE_SPACE)]))).toBe(100);
  });

  test('goes on when the shards of an input are split and merged, without knowing it', () => {
    const before = told(whole, [passed('p/one', 100, WHOLE_SPACE), passed('p/two', 500, WHOLE_SPACE)]);
    const split = told(before, [passed('p/one', 130, LOW)]);
    expect(lowestWatermark(split)).toBe(100);
    expect(lowestWatermark(told(split, [passed('p/one', 120, HIGH)]))).toBe(120);
    expect(lowestWatermark(told(split, [passed('p/one', 140, WHOLE_SPACE)]))).toBe(140);
  });

  test('ignores the times of events, because the output of one step may overtake that of another', () => {
    expect(afterEvent(whole, 100, STEPS)).toBe(whole);
  });

  test('waits for the scheduled ticks too where sources write beside the steps', () => {
    const mixed = { steps: ['p/one'], scheduled: true };
    const clock = told(whole, [passed('p/one', 100, WHOLE_SPACE)], mixed);
    expect(lowestWatermark(clock)).toBe(Number.NEGATIVE_INFINITY);
    expect(lowestWatermark(told(clock, [tick(80)], mixed))).toBe(80);
  });
});

test('a child shard takes the time of each parent over for its part, and has none where a parent is unknown', () => {
  const [low, high] = [afterTick(newClock(LOW), tick(100), SOURCES), afterTick(newClock(HIGH), tick(70), SOURCES)];
  expect(marks(inheritedClock([high, low], WHOLE_SPACE))).toEqual([
    [LOW.from, LOW.to, 100],
    [HIGH.from, HIGH.to, 70],
  ]);
  const part = { from: 10n, to: 20n };
  expect(marks(inheritedClock([low], part))).toEqual([[10n, 20n, 100]]);
  expect(marks(inheritedClock([low], WHOLE_SPACE)).at(-1)).toEqual([HALF, WHOLE_SPACE.to, Number.NEGATIVE_INFINITY]);
});

test('a clock with more tiles and ranges than are kept is never ahead of one that keeps all', () => {
  const step = (1n << 128n) / 1_500n;
  let clock = whole;
  for (let n = 0n; n < 1_500n; n++) {
    const range = { from: n * step, to: n === 1_499n ? WHOLE_SPACE.to : (n + 1n) * step - 1n };
    clock = afterTick(clock, passed('p/one', 1_000 + Number(n), range), { steps: ['p/one'], scheduled: false });
    if (n < 1_499n) expect(lowestWatermark(clock)).toBe(Number.NEGATIVE_INFINITY);
  }
  expect(lowestWatermark(clock)).toBe(1_000);
  expect(JSON.stringify(encodeClock(clock)).length).toBeLessThan(100_000);
  let aimed = whole;
  for (let n = 0n; n < 200n; n++)
    aimed = afterTick(aimed, tick(1_000 + Number(n % 7n), { from: n * step, to: (n + 1n) * step - 1n }), SOURCES);
  expect(aimed.length).toBeLessThanOrEqual(65);
  expect(Math.max(...aimed.map(({ watermark }) => watermark))).toBeLessThanOrEqual(1_006);
});

test('a stored clock is read back as it was', () => {
  const clock = told(whole, [
    { ...passed('p/one', 100, LOW), aim: HIGH },
    { ...passed('p/two', 5, HIGH), aim: LOW },
  ]);
  const text = JSON.stringify(encodeClock(clock));
  expect(decodeClock(StoredClock.parse(JSON.parse(text)))).toEqual(clock);
});
