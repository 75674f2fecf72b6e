import type { WithinForm } from '../runtime/table.ts';
import type { Clock } from '../runtime/time/clock.ts';
import type { SliceChanges } from './changes.ts';
import type { StoredRow } from './fold.ts';
import { hashText } from './judge-windows.ts';
import type { RowStore } from './reduce.ts';

/** How many rows are read or dropped at once, and how many of each in one transaction. */
const READ_AT_ONCE = 500;
const MOST_CLOSED = 10_000;
const DROPPED_AT_ONCE = 5_000;
/** More than a slice can add. */
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
  let left = MOST_CLOSED;
  for (const { from, to, watermark } of clock) {
    const end = lastOver(within, watermark);
    if (!Number.isFinite(end)) continue;
    for (;;) {
      const most = Math.min(READ_AT_ONCE, left);
      const due = await store.due({ end, from: hashText(from), to: hashText(to), most });
      const closed = [...due].slice(0, countOfFitting(within, due, changes));
      const before = new Map(closed);
      await store.write({ before, after: new Map(closed.map(([id]) => [id, undefined])) });
      left -= closed.length;
      if (closed.length < due.size || left === 0) return false;
      if (due.size < READ_AT_ONCE) break;
    }
  }
  return true;
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

/** Returns the time that is complete behind the join: events that come out alone are as late as their time is long. */
export function passedByWaiting({ aloneMillis, graceMillis }: WithinForm, millis: number): number {
  return aloneMillis === undefined ? millis : millis - graceMillis - aloneMillis;
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
