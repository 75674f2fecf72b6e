import type { Clock } from '../runtime/time/clock.ts';
import type { TableWindows } from '../runtime/windows.ts';
import type { SliceChanges } from './changes.ts';
import { closeDue } from './close-due.ts';
import type { StoredRow } from './fold.ts';
import { hashText, lastClosed, lastGone, type RowWindow } from './judge-windows.ts';
import type { RowStore } from './reduce.ts';

/** How many rows one transaction drops. */
const MOST_DROPPED = 2_000;

/**
 * Closes the windows that are complete. A window that closes shows its row. Resolves to false when more are due than
 * one transaction holds.
 */
export async function closeWindows(
  store: RowStore,
  windows: TableWindows,
  { clock, changes }: { readonly clock: Clock; readonly changes: SliceChanges | undefined },
): Promise<boolean> {
  if (windows.emit !== 'final') return true;
  return closeDue(store, clock, {
    lastEnd: (watermark) => lastClosed(windows, watermark),
    async close(due) {
      const closed = [...due.keys()].slice(0, countOfFitting(due, changes));
      if (closed.length > 0) await store.close(closed);
      return closed.length;
    },
  });
}

/** Drops rows of windows that are no longer kept: some of them, the rest comes with later slices. */
export async function dropWindows(store: RowStore, windows: TableWindows, clock: Clock): Promise<void> {
  for (const { from, to, watermark } of clock) {
    const end = lastGone(windows, watermark);
    if (Number.isFinite(end)) await store.drop({ end, from: hashText(from), to: hashText(to), most: MOST_DROPPED });
  }
}

/** Adds rows to the changes of the slice until its page is full. Returns how many have found room. */
function countOfFitting(due: ReadonlyMap<string, StoredRow>, changes: SliceChanges | undefined): number {
  if (changes === undefined) return due.size;
  let count = 0;
  for (const [id, row] of due) {
    const { window } = row;
    if (window === undefined) continue;
    const change = {
      before: new Map([[id, row]]),
      after: new Map([[id, { ...row, window: { ...window, isOpen: false } }]]),
    };
    if (!changes.fits(change, [])) break;
    changes.add(change, [], { time: lastTimeOf(window), traceparent: undefined });
    count++;
  }
  return count;
}

/**
 * Returns the time of a final row: the last millisecond of its window, so that it belongs to the same quarter or hour
 * as the events that made it. The end of a session is the time of its last event.
 */
export function lastTimeOf({ end, group }: RowWindow): string {
  return new Date(group === undefined ? end - 1 : end).toISOString();
}
