import type { TakeRow } from '../../../functions/runtime/sql/aggregates/grouped-statement.ts';
import { startStates } from '../../../functions/runtime/sql/aggregates/grouped-statement.ts';
import type { Identity } from '../../../functions/runtime/sql/aggregates/identity.ts';
import type { WindowFrame } from '../../../functions/runtime/sql/windows/window.ts';
import {
  boundValues,
  lastStart,
  rowTime,
  windowEnd,
  windowStarts,
} from '../../../functions/runtime/sql/windows/window.ts';
import type { Group, Keeping, KeptGroups, Line } from './kept-groups.ts';
import { startLines } from './kept-groups.ts';

/** Keeps the groups of a statement without WINDOW. */
export function keepPlain(keeping: Keeping): KeptGroups {
  const line = startLines(keeping);
  const { groups, take } = startWindow(keeping, line, []);
  return { ...line, take, find: (identity) => groups.get(identity)?.states };
}

/** The groups in one window. */
interface OpenWindow {
  readonly groups: Map<Identity, Group>;
  /** Adds a row to its group. */
  readonly take: TakeRow;
}

/** Starts a window whose bounds end the keys of its groups. */
function startWindow({ statement }: Keeping, line: Line<Group>, bounds: readonly bigint[]): OpenWindow {
  const groups = new Map<Identity, Group>();
  const { place, begin, changed } = line;
  const take: TakeRow = (identity, key, inputs) => {
    const group = groups.get(identity);
    if (group === undefined) {
      const states = [...statement.add(startStates(statement), inputs, place())];
      groups.set(identity, begin({ key: bounds.length === 0 ? key : [...key, ...bounds], states }));
      changed(() => groups.delete(identity));
      return;
    }
    const before = group.states;
    group.states = [...statement.add(before, inputs, place())];
    changed(() => {
      group.states = before;
    });
  };
  return { groups, take };
}

/** Keeps the tumbling or hopping windows of the groups. */
export function keepWindows(keeping: Keeping, frame: WindowFrame): KeptGroups {
  const line = startLines(keeping);
  const windows = new Map<number, OpenWindow>();
  const windowAt = (start: number): OpenWindow => {
    const known = windows.get(start);
    if (known !== undefined) return known;
    const begun = startWindow(keeping, line, boundValues({ start, end: windowEnd(frame, start) }));
    windows.set(start, begun);
    return begun;
  };
  if (frame.kind === 'hopping')
    return {
      ...line,
      take(identity, key, inputs) {
        for (const start of windowStarts(frame, rowTime(inputs))) windowAt(start).take(identity, key, inputs);
      },
    };
  // Neighbours in a file are often in one window.
  let [start, last]: [number, OpenWindow | undefined] = [0, undefined];
  const { size } = frame;
  const windowOf = (time: number): OpenWindow => {
    if (last !== undefined && time >= start && time < start + size) return last;
    start = lastStart(size, time);
    last = windowAt(start);
    return last;
  };
  return {
    ...line,
    take: (identity, key, inputs) => windowOf(rowTime(inputs)).take(identity, key, inputs),
    find: (identity, time) => windowOf(time).groups.get(identity)?.states,
  };
}
