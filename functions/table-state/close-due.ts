import type { Clock } from '../runtime/time/clock.ts';
import type { StoredRow } from './fold.ts';
import { hashText } from './judge-windows.ts';
import type { RowStore } from './reduce.ts';

/** How many rows are read at once, and how many one transaction closes. */
const AT_ONCE = 500;
const MOST_CLOSED = 10_000;

/**
 * Closes rows whose time is over, in the order of their ends, and only those of the shard's own hash range: of the
 * others this shard does not know what time it is. `close` takes rows in that order, and resolves to how many it has
 * closed: fewer, where the page of the slice is full. Resolves to false when more are due than one transaction holds.
 */
export async function closeDue(
  store: Pick<RowStore, 'due'>,
  clock: Clock,
  of: {
    /** Returns the latest end of a time that is over. */
    lastEnd(watermark: number): number;
    close(due: ReadonlyMap<string, StoredRow>): Promise<number>;
  },
): Promise<boolean> {
  let left = MOST_CLOSED;
  for (const { from, to, watermark } of clock) {
    const end = of.lastEnd(watermark);
    if (!Number.isFinite(end)) continue;
    for (;;) {
      const due = await store.due({ end, from: hashText(from), to: hashText(to), most: Math.min(AT_ONCE, left) });
      const closed = await of.close(due);
      left -= closed;
      if (closed < due.size || left === 0) return false;
      if (due.size < AT_ONCE) break;
    }
  }
  return true;
}
