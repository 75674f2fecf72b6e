import type { Position } from '../runtime/position.ts';
import type { Slice } from '../runtime/sink.ts';
import type { Table } from '../runtime/table.ts';
import type { SliceChanges } from './changes.ts';
import { closeWindows, dropWindows } from './close-windows.ts';
import { type Reduced, type RowStore, reducePages } from './reduce.ts';

/**
 * Reduces a slice into the rows of a table, closes the windows that are complete after it, and drops those that are no
 * longer kept. When more windows are due than one transaction holds, the slice ends before the tick that made them due:
 * the tick comes again, until none is due.
 */
export async function reduceSlice(
  store: RowStore,
  table: Pick<Table, 'read' | 'state' | 'windows' | 'sessions'>,
  { pages, time, changes }: Pick<Slice, 'pages' | 'time'> & { readonly changes: SliceChanges | undefined },
): Promise<Reduced> {
  const reduced = await reducePages(store, table, { pages, time, changes });
  const { windows } = table;
  if (windows === undefined || time === undefined || reduced.upTo !== undefined) return reduced;
  const isAll = await closeWindows(store, windows, { clock: time.clock, changes });
  await dropWindows(store, windows, time.clock);
  return isAll ? reduced : { ...reduced, ...againFrom(time.beforeTick) };
}

/** Behind the last tick there are events: the next tick closes the rest. */
function againFrom(beforeTick: Position | undefined): Pick<Reduced, 'upTo'> {
  return beforeTick === undefined ? {} : { upTo: beforeTick };
}
