import { describe, expect, test } from 'vitest';
import type { ReceivedEvent } from '../../../functions/runtime/event.ts';
import type { KeyedEvent } from '../../../functions/runtime/table.ts';
import { hopping, session, tumbling, type Windowing } from '../../../functions/runtime/windows.ts';
import { judge } from '../../../functions/table-state/judge-windows.ts';

const MINUTE = 60_000;
const NOON = Date.parse('2026-01-01T12:00:00Z');
const iso = (millis: number): string => new Date(millis).toISOString();

const quarters = tumbling({ size: 15 * MINUTE, grace: 10 * MINUTE, retention: 60 * MINUTE });
const hops = hopping({ size: 20 * MINUTE, advance: 10 * MINUTE, grace: 0, retention: 60 * MINUTE });

function judged(windowing: Windowing, of: { time: number; watermark: number; arrived?: number; lateAt?: number }) {
  const { time, watermark, arrived = NOON + 600 * MINUTE, lateAt } = of;
  const rows: KeyedEvent[] = windowing.windowsOf(time).map((window) => ({
    id: iso(window.start),
    window,
    reduce: () => 1,
  }));
  const event = {
    id: 'e',
    key: 'k',
    time: iso(time),
    position: 'p',
    original: Buffer.from('{}'),
    lateAt: lateAt === undefined ? undefined : iso(lateAt),
  } as unknown as ReceivedEvent;
  const moment = { watermark, arrivedMillis: arrived, hash: () => 255n };
  const result = judge(windowing.windows, event, { read: () => rows, moment });
  return { starts: result.rows.map(({ id }) => id), rejection: result.rejection, rows: result.rows };
}

describe('windows of one size', () => {
  test('are aligned to 1970 and begin before an event and end after it, also for times before 1970', () => {
    expect(quarters.windowsOf(NOON).map(({ start, end }) => [start - NOON, end - NOON])).toEqual([[0, 15 * MINUTE]]);
    expect(quarters.windowsOf(-1)).toEqual([{ start: -15 * MINUTE, end: 0 }]);
  });

  test('that hop hold an event in each of those that cover it, the earliest first', () => {
    expect(hops.windowsOf(NOON).map(({ start }) => start - NOON)).toEqual([-10 * MINUTE, 0]);
    expect(hops.windowsOf(NOON - 1).map(({ start }) => start - NOON)).toEqual([-20 * MINUTE, -10 * MINUTE]);
  });

  test.each([
    [{ size: 0 }, 'size of a window is 0: use a whole number of milliseconds'],
    [{ size: 1_000, grace: -1 }, 'grace of a window is -1: use a whole number of milliseconds, or 0'],
    [
      { size: 1_000, grace: 1_000, retention: 1_999 },
      'the windows are kept for 1999 ms, and take events for 2000 ms (size and grace): raise retention to that',
    ],
  ])('are refused when they make no sense: %j', (options, message) => {
    expect(() => tumbling(options)).toThrow(message);
  });

  test('that are sessions are refused without a gap, and the message names it', () => {
    expect(() => session({ gap: 0 })).toThrow('gap of a session is 0: use a whole number of milliseconds');
  });

  test('that hop are refused when they leave gaps, or are too many for an event', () => {
    expect(() => hopping({ size: 10, advance: 11 })).toThrow('events between two windows would be in none');
    expect(() => hopping({ size: 301_000, advance: 1_000 })).toThrow(
      'an event is in 301 windows, at most 300 are possible',
    );
  });
});

describe('an event', () => {
  test('is on time until the watermark reaches the end of its window plus the grace period, and not a millisecond longer', () => {
    const closes = NOON + 25 * MINUTE;
    expect(judged(quarters, { time: NOON, watermark: closes - 1 })).toMatchObject({
      starts: [iso(NOON)],
      rejection: undefined,
    });
    const late = judged(quarters, { time: NOON, watermark: closes });
    expect(late.starts).toEqual([]);
    expect(late.rejection).toMatchObject({
      reason: 'late',
      message:
        'the window 2026-01-01T12:00:00.000Z to 2026-01-01T12:15:00.000Z had closed: time was 2026-01-01T12:25:00.000Z, and the grace period is 600 s',
      origin: { lateAt: iso(closes) },
    });
  });

  test('that has missed some of its windows counts in the others, and its letter names those that it missed', () => {
    const { starts, rejection } = judged(hops, { time: NOON, watermark: NOON + 10 * MINUTE });
    expect(starts).toEqual([iso(NOON)]);
    expect(rejection?.message).toContain('the window 2026-01-01T11:50:00.000Z to 2026-01-01T12:10:00.000Z had closed');
  });

  test('that is redriven goes into the windows that it missed, and into no other', () => {
    const lateAt = NOON + 10 * MINUTE;
    const redriven = judged(hops, { time: NOON, watermark: NOON + 30 * MINUTE, lateAt });
    expect(redriven).toMatchObject({ starts: [iso(NOON - 10 * MINUTE)], rejection: undefined });
  });

  test('that is redriven when its window is no longer kept is late for good, and only for that window', () => {
    const lateAt = NOON + 20 * MINUTE;
    // Kept until 60 minutes after the start of the window.
    const { starts, rejection } = judged(hops, { time: NOON, watermark: NOON + 50 * MINUTE, lateAt });
    expect(starts).toEqual([iso(NOON)]);
    expect(rejection).toMatchObject({ reason: 'late', origin: { lateAt: iso(NOON + 10 * MINUTE) } });
    expect(rejection?.message).toContain(
      'the window 2026-01-01T11:50:00.000Z to 2026-01-01T12:10:00.000Z is no longer kept',
    );
    const again = judged(hops, { time: NOON, watermark: NOON + 50 * MINUTE, lateAt: NOON + 10 * MINUTE });
    expect(again.starts).toEqual([]);
  });

  test('that is redriven is late for good too when its window was dropped by a shorter retention of before', () => {
    const lateAt = NOON + 30 * MINUTE;
    const at = { time: NOON, watermark: NOON + 40 * MINUTE, lateAt };
    const since = (minute: number): Windowing => ({
      ...quarters,
      windows: { ...quarters.windows, goneMillis: NOON + minute * MINUTE },
    });
    expect(judged(since(14), at)).toMatchObject({ starts: [iso(NOON)], rejection: undefined });
    const message =
      'the window 2026-01-01T12:00:00.000Z to 2026-01-01T12:15:00.000Z is no longer kept: the table kept windows for a shorter time before; a larger retention keeps windows longer';
    expect(judged(since(15), at)).toMatchObject({ starts: [], rejection: { reason: 'late', message } });
    // A shard that has seen no tick does not know what time it is.
    const unknown = judged(since(15), { ...at, watermark: Number.NEGATIVE_INFINITY });
    expect(unknown).toMatchObject({ starts: [], rejection: { message } });
  });

  test('that is dated more than five minutes after its arrival is refused, so the year 9999 closes no window', () => {
    const arrived = NOON;
    expect(judged(quarters, { time: NOON + 5 * MINUTE, watermark: 0, arrived }).starts).toHaveLength(1);
    expect(() => judged(quarters, { time: NOON + 5 * MINUTE + 1, watermark: 0, arrived })).toThrow(
      'it is dated 2026-01-01T12:05:00.001Z and arrived at 2026-01-01T12:00:00.000Z: more than 300 s ahead',
    );
    const patient = tumbling({ size: MINUTE, ahead: 10 * MINUTE });
    expect(judged(patient, { time: NOON + 10 * MINUTE, watermark: 0, arrived }).starts).toHaveLength(1);
  });

  test('of a table that shows final windows only goes into an open row before its window closes, and into a shown one after that', () => {
    const finals = tumbling({ size: 15 * MINUTE, grace: 0, retention: 60 * MINUTE, emit: 'final' });
    const before = judged(finals, { time: NOON, watermark: NOON });
    const lateAt = NOON + 15 * MINUTE;
    const after = judged(finals, { time: NOON, watermark: NOON + 20 * MINUTE, lateAt });
    expect([before, after].map(({ rows }) => rows[0]?.in.isOpen)).toEqual([true, false]);
    expect(before.rows[0]?.in.hash).toBe('000000000000000000000000000000ff');
  });
});
