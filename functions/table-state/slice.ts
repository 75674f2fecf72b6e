import type { Slice } from '../runtime/sink.ts';
import { heldBackMillis, type Table } from '../runtime/table.ts';
import type { SliceChanges } from './changes.ts';
import { closeWaiting, dropWaiting } from './close-waiting.ts';
import { closeWindows, dropWindows } from './close-windows.ts';
import type { RedriveCheck } from './redriven.ts';
import { type Reduced, type RowStore, reducePages } from './reduce.ts';

/**
 * Reduces a slice into the rows of a table, closes the windows that are complete after it, and drops those that are no
 * longer kept; of a join of two streams, the events that wait. When more windows are due than one transaction holds,
 * the slice ends before the tick that made them due: the tick comes again, until none is due. Where events follow the
 * last tick, slices without events come, until none is due.
 */
export async function reduceSlice(
  store: RowStore,
  table: Pick<Table, 'read' | 'state' | 'windows' | 'sessions' | 'within'>,
  slice: Pick<Slice, 'pages' | 'time' | 'from'> & {
    readonly changes: SliceChanges | undefined;
    readonly redriven?: RedriveCheck | undefined;
  },
): Promise<ReducedSlice> {
  const { time, changes } = slice;
  const reduced = await reducePages(store, table, slice);
  const { windows, within } = table;
  if (time === undefined || reduced.upTo !== undefined) return reduced;
  const { clock } = time;
  const passes = time.passes === undefined ? undefined : time.passes - heldBackMillis(table);
  let isAll = true;
  if (within !== undefined) {
    isAll = await closeWaiting(store, within, { clock, changes });
    await dropWaiting(store, within, clock);
  } else if (windows !== undefined) {
    isAll = await closeWindows(store, windows, { clock, changes });
    await dropWindows(store, windows, clock);
  }
  if (isAll) return { ...reduced, passes };
  return time.beforeTick === undefined ? { ...reduced, isMoreDue: true } : { ...reduced, upTo: time.beforeTick };
}

/** What became of a slice, and what time the step passes on. */
interface ReducedSlice extends Reduced {
  /** Set when the step tells the readers of its changes what time it is, behind the changes of the slice. */
  readonly passes?: number | undefined;
  /** True when windows are due that another slice has to close. */
  readonly isMoreDue?: boolean | undefined;
}
