import fc from 'fast-check';
import { expect, test } from 'vitest';
import { timestamptzFromText } from '../../../../../functions/runtime/sql/time/timestamps.ts';
import { joinedSession, sessionsAround } from '../../../../../functions/runtime/sql/windows/sessions.ts';
import type { WindowBounds, WindowFrame } from '../../../../../functions/runtime/sql/windows/window.ts';
import {
  closesAt,
  isLate,
  keptUntil,
  windowEnd,
  windowStarts,
  windowTime,
} from '../../../../../functions/runtime/sql/windows/window.ts';

const frame = (of: Partial<WindowFrame>): WindowFrame => ({
  kind: 'hopping',
  size: 10,
  advance: 10,
  grace: 5,
  retention: 100,
  emit: 'changes',
  ...of,
});

const time = fc.integer({ min: -1_000_000_000_000_000, max: 1_000_000_000_000_000 });

test('a time lies in exactly the windows that begin at a multiple of the advance and cover it', () => {
  const epoch = -946_684_800_000_000;
  fc.assert(
    fc.property(time, fc.integer({ min: 1, max: 100 }), fc.integer({ min: 1, max: 100 }), (at, a, b) => {
      const [size, advance] = [Math.max(a, b), Math.min(a, b)];
      const starts = windowStarts(frame({ size, advance }), at);
      const all: number[] = [];
      for (let start = at - size + 1; start <= at; start += 1) if ((start - epoch) % advance === 0) all.push(start);
      expect(starts).toEqual(all);
      for (const start of starts) expect(windowEnd(frame({ size }), start)).toBeGreaterThan(at);
    }),
  );
});

test('sessions are the same in whatever order their events come', () => {
  const events = fc.uniqueArray(fc.integer({ min: 0, max: 200 }), { minLength: 1, maxLength: 30 });
  const session = frame({ kind: 'session', size: 7, advance: 0 });
  const sessionsOf = (times: readonly number[]): readonly WindowBounds[] => {
    const open: WindowBounds[] = [];
    for (const at of times) {
      const { from, to } = sessionsAround(session, open, at);
      open.splice(from, to - from, joinedSession(open.slice(from, to), at));
    }
    return open;
  };
  fc.assert(
    fc.property(events, (times) => {
      const sorted = times.toSorted((a, b) => a - b);
      const ends = sorted.flatMap((at, i) => ((sorted[i + 1] ?? Infinity) - at > 7 ? [at] : []));
      const starts = sorted.filter((at, i) => at - (sorted[i - 1] ?? -Infinity) > 7);
      expect(sessionsOf(times)).toEqual(starts.map((start, i) => ({ start, end: ends[i] })));
    }),
  );
});

test('a window is closed at its end and the grace period, and takes an event one microsecond before', () => {
  expect(closesAt(frame({}), 10)).toBe(15);
  expect(isLate(frame({}), 10, 14)).toBe(false);
  expect(isLate(frame({}), 10, 15)).toBe(true);
});

test('a session closes when no event that is on time can join it', () => {
  const session = frame({ kind: 'session', size: 7, advance: 0 });
  expect(closesAt(session, 20)).toBe(32);
  // The latest time that joins the session is 27, and it is late from the watermark 32 on.
  expect([isLate(session, 27, 31), isLate(session, 27, 32)]).toEqual([false, true]);
});

test('a window is kept for its retention, and never dropped before it is closed', () => {
  expect(keptUntil(frame({}), { start: 0, end: 10 })).toBe(100);
  expect(keptUntil(frame({ retention: 3 }), { start: 0, end: 10 })).toBe(15);
  expect(keptUntil(frame({ kind: 'session' }), { start: 0, end: 50 })).toBe(150);
});

test('windows lie in the years 1750 to 2249', () => {
  expect(windowTime(timestamptzFromText('1750-01-01T00:00:00Z'))).toBe(-7_889_184_000_000_000);
  expect(windowTime(timestamptzFromText('2249-12-31T23:59:59.999999Z'))).toBe(7_889_270_399_999_999);
  for (const text of ['1749-12-31T23:59:59Z', '2250-01-01T00:00:00Z', 'infinity', '-infinity'])
    expect(() => windowTime(timestamptzFromText(text))).toThrow('is in no window');
});
