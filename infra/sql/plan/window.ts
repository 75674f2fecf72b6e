import type { WindowKind } from '../syntax/window-clause.ts';
import type { Checked, ScopeColumn } from './checked.ts';

/** The windows of a statement: each group has one row for each of them that has events. */
export interface Windowing {
  readonly kind: WindowKind;
  /** In milliseconds, as all durations here. Of a session: the longest time between two neighbours. */
  readonly size: number;
  /** The time between the starts of two windows; of tumbling windows their size, of sessions 0. */
  readonly advance: number;
  /** How long after its end a window still takes events. */
  readonly grace: number;
  /** How long a window is kept after its start, and a session after its end. */
  readonly retention: number;
  readonly emit: 'changes' | 'final';
  /** The time of a row of the input, a timestamptz. */
  readonly time: Checked;
  /** `window_start` and `window_end`: the last two columns of the group's key. */
  readonly start: ScopeColumn;
  readonly end: ScopeColumn;
}

/** Returns the most windows in which one event lies. */
export const windowsPerEvent = ({ kind, size, advance }: Pick<Windowing, 'kind' | 'size' | 'advance'>): number =>
  kind === 'session' ? 1 : Math.ceil(size / advance);
