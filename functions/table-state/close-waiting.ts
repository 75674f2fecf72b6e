import type { WithinForm } from '../runtime/table.ts';
import type { Clock } from '../runtime/time/clock.ts';
import type { SliceChanges } from './changes.ts';
import { closeDue } from './close-due.ts';
import type { StoredRow } from './fold.ts';
import { hashText } from './judge-windows.ts';
import type { RowStore } from './reduce.ts';

/** How many rows are dropped at once, and how many in one transaction: more than a slice can add. */
const DROPPED_AT_ONCE = 5_000;
const MOST_DROPPED = 50_000;

/**
 * Publishes the events that have met none and can meet none any more, in the order in which their time is over, and
 * drops them. Resolves to false when more are due than one transaction holds.
 */
export async function closeWaiting(
  store: RowStore,
  within: WithinForm,
  { clock, changes }: { readonly clock: Clock; readonly changes: SliceChanges | undefined },
): Promise<boolean> {
  if (within.aloneMillis === undefined) return true;
  return closeDue(store, clock, {
    lastEnd: (watermark) => lastOver(within, watermark),
    async close(due) {
      const closed = [...due].slice(0, countOfFitting(within, due, changes));
      if (closed.length > 0)
        await store.write({ before: new Map(closed), after: new Map(closed.map(([id]) => [id, undefined])) });
      return closed.length;
    },
  });
}

/** Drops events that can meet none any more, and do not come out alone. */
export async function dropWaiting(store: RowStore, within: WithinForm, clock: Clock): Promise<void> {
  for (const { from, to, watermark } of clock) {
    const end = lastOver(within, watermark);
    if (!Number.isFinite(end)) continue;
    for (let dropped = 0; dropped < MOST_DROPPED; dropped += DROPPED_AT_ONCE) {
      const rows = { end, from: hashText(from), to: hashText(to), most: DROPPED_AT_ONCE };
      if ((await store.drop(rows)) < DROPPED_AT_ONCE) break;
    }
  }
}

/** Returns the latest end of a time that is over: an event in it would be late. */
function lastOver({ graceMillis }: WithinForm, watermark: number): number {
  return watermark - graceMillis;
}

/** Adds what events publish alone to the slice until its page is full. Returns how many have found room. */
function countOfFitting(
  { alone }: WithinForm,
  due: ReadonlyMap<string, StoredRow>,
  changes: SliceChanges | undefined,
): number {
  if (changes === undefined) return due.size;
  let count = 0;
  for (const { state } of due.values()) {
    const published = alone(state);
    if (changes.publish?.(published) !== true) break;
    count++;
  }
  return count;
}
