import { describe, expect, test } from 'vitest';
import type { Clock } from '../../../functions/runtime/time/clock.ts';
import type { StoredRow } from '../../../functions/table-state/fold.ts';
import {
  goneAtSwap,
  isOnlyGone,
  type ReplacedWindows,
  settledRows,
} from '../../../functions/table-state/replaced-windows.ts';

const LOW = '0'.repeat(32);
const HIGH = 'f'.repeat(32);
const MIDDLE = 2n ** 127n;

/** A row of a window that ends at some time. */
const row = (end: number, { isOpen = false, hash = LOW } = {}): StoredRow => ({
  state: '{}',
  row: '{}',
  eventKey: 'k',
  window: { start: end - 10, end, hash, isOpen },
});

/** In the lower half of the hashes it is 100, in the upper one 200. */
const clocks: readonly Clock[] = [
  [{ from: 0n, to: MIDDLE - 1n, watermark: 100, passed: new Map() }],
  [{ from: MIDDLE, to: 2n ** 128n - 1n, watermark: 200, passed: new Map() }],
];

interface Times {
  readonly takes: number;
  readonly keeps: number;
}

const replaced = (former: Times, now: Times, emit = 'changes'): ReplacedWindows => ({
  former: { windows: `tumbling, emit ${emit}`, times: former },
  now: { windows: `tumbling, emit ${emit}`, times: now },
  clocks,
});

const of = (former: Readonly<Record<string, StoredRow>>, now: Readonly<Record<string, StoredRow>>) => ({
  former: new Map(Object.entries(former)),
  now: new Map(Object.entries(now)),
});

describe('when a state with windows takes the place of another one', () => {
  test('windows that only the new code keeps are dropped, by the time of their own shard', () => {
    const windows = replaced({ takes: 10, keeps: 50 }, { takes: 10, keeps: 500 });
    const now = { gone: row(50), kept: row(51), 'gone in its shard': row(150, { hash: HIGH }), known: row(20) };
    expect(settledRows(windows, of({ known: row(20) }, now))).toEqual({
      close: [],
      drop: ['gone', 'gone in its shard'],
    });
    expect(goneAtSwap(windows)).toBe(150);
  });

  test('a window that still takes events stays, although the former code no longer kept it', () => {
    const windows = replaced({ takes: 10, keeps: 50 }, { takes: 80, keeps: 500 });
    expect(settledRows(windows, of({}, { taking: row(40), over: row(20) })).drop).toEqual(['over']);
  });

  test('a row is not deleted because the new code keeps windows for a shorter time', () => {
    const windows = replaced({ takes: 10, keeps: 500 }, { takes: 10, keeps: 50 });
    expect([row(50), row(51)].map((one) => isOnlyGone(windows, one))).toEqual([true, false]);
    expect(isOnlyGone(windows, undefined)).toBe(false);
  });

  test('a final window that was shown stays shown', () => {
    const windows = replaced({ takes: 10, keeps: 500 }, { takes: 200, keeps: 500 }, 'final');
    const rows = of(
      { shown: row(60), open: row(95, { isOpen: true }) },
      { shown: row(60, { isOpen: true }), open: row(95, { isOpen: true }) },
    );
    expect(settledRows(windows, rows).close).toEqual(['shown']);
    expect(settledRows({ ...windows, former: { windows: 'tumbling, emit changes' } }, rows).close).toEqual([]);
  });

  test('a table that had no windows before drops none', () => {
    const windows = { ...replaced({ takes: 1, keeps: 1 }, { takes: 10, keeps: 50 }), former: {} };
    expect(settledRows(windows, of({}, { old: row(1) }))).toEqual({ close: [], drop: [] });
    expect(goneAtSwap(windows)).toBeUndefined();
  });
});
