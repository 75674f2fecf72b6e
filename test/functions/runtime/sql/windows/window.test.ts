import fc from 'fast-check';
import { expect, test } from 'vitest';
import { timestamptzFromText } from '../../../../../functions/runtime/sql/time/timestamps.ts';
import { joinedSession, sessionsAround } from '../../../../../functions/runtime/sql/windows/sessions.ts';
import { tableWindows } from '../../../../../functions/runtime/sql/windows/table-windows.ts';
import type { WindowBounds, WindowFrame } from '../../../../../functions/runtime/sql/windows/window.ts';
import { windowEnd, windowStarts, windowTime } from '../../../../../functions/runtime/sql/windows/window.ts';
import { isLate, lastClosed, lastGone } from '../../../../../functions/table-state/judge-windows.ts';

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

/** A frame of the same durations in milliseconds, as tables judge by them. */
const judging = ({ kind, size, grace, retention }: WindowFrame) =>
  tableWindows(frame({ kind, size: size * 1_000, grace: grace * 1_000, retention: retention * 1_000 }));
const endingAt = (end: number) => ({ start: 0, end });

test('a window is closed at its end and the grace period, and takes an event one millisecond before', () => {
  const windows = judging(frame({}));
  // What ends at 10 is closed from the watermark 15 on.
  expect([lastClosed(windows, 14), lastClosed(windows, 15)]).toEqual([9, 10]);
  expect(isLate(windows, endingAt(10), 14)).toBe(false);
  expect(isLate(windows, endingAt(10), 15)).toBe(true);
});

test('a session closes when no event that is on time can join it', () => {
  const windows = judging(frame({ kind: 'session', size: 7 }));
  // What ends at 20 is closed from the watermark 32 on.
  expect([lastClosed(windows, 31), lastClosed(windows, 32)]).toEqual([19, 20]);
  // The latest time that joins the session is 27, and it is late from the watermark 32 on.
  expect([isLate(windows, endingAt(27), 31), isLate(windows, endingAt(27), 32)]).toEqual([false, true]);
});

test('a window is kept for its retention after its start, and a session after its end', () => {
  // A window that ends at 10 began at 0.
  expect(lastGone(judging(frame({})), 100)).toBe(10);
  expect(lastGone(judging(frame({ kind: 'session' })), 150)).toBe(50);
});

test('windows lie in the years 1750 to 2249', () => {
  expect(windowTime(timestamptzFromText('1750-01-01T00:00:00Z'))).toBe(-7_889_184_000_000_000);
  expect(windowTime(timestamptzFromText('2249-12-31T23:59:59.999999Z'))).toBe(7_889_270_399_999_999);
  for (const text of ['1749-12-31T23:59:59Z', '2250-01-01T00:00:00Z', 'infinity', '-infinity'])
    expect(() => windowTime(timestamptzFromText(text))).toThrow('is in no window');
});
