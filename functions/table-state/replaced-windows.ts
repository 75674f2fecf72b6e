import type { Clock } from '../runtime/time/clock.ts';
import type { StoredRow } from './fold.ts';
import type { StoredShape } from './shape.ts';

/** Two states with windows of which one takes the place of the other, and the time in the shards of the step. */
export interface ReplacedWindows {
  readonly former: Pick<StoredShape, 'windows' | 'times' | 'gone'>;
  readonly now: Pick<StoredShape, 'windows' | 'times'>;
  readonly clocks: readonly Clock[];
}

/** Times at the moment of the swap, in milliseconds since 1970. Minus infinity: there is no such window. */
interface Ends {
  /** The former state may have dropped windows that ended by then. */
  readonly formerGone: number;
  /** The new one may have done so. */
  readonly nowGone: number;
  /** The new state takes no events any more for windows that ended by then. */
  readonly closed: number;
}

/** Rows of the new state that have to be as the readers of the changes know them. */
export interface Settled {
  /** The table has shown them already: a window that has closed stays so. */
  readonly close: readonly string[];
  /** The former state no longer kept them, so nobody knows what readers know of them: they stay gone. */
  readonly drop: readonly string[];
}

/** Finds rows of the new state that are not to be published as they are. */
export function settledRows(
  windows: ReplacedWindows,
  rows: { readonly former: ReadonlyMap<string, StoredRow>; readonly now: ReadonlyMap<string, StoredRow> },
): Settled {
  const { former } = rows;
  const all = [...rows.now].filter(([, { window }]) => window !== undefined);
  const isShown = (id: string): boolean => former.get(id)?.window?.isOpen === false;
  const isBothFinal = [windows.former, windows.now].every((state) => isFinal(state));
  return {
    close: isBothFinal ? all.flatMap(([id, { window }]) => (window?.isOpen === true && isShown(id) ? [id] : [])) : [],
    drop: all.flatMap(([id, row]) => (!former.has(id) && isLeftBehind(windows, row) ? [id] : [])),
  };
}

/** Tells whether a row is missing in the new state only because its window is no longer kept there: no deletion. */
export function isOnlyGone(windows: ReplacedWindows, former: StoredRow | undefined): boolean {
  if (former?.window === undefined) return false;
  return former.window.end <= endsAt(windows, hashIn(former)).nowGone;
}

/** Returns up to which end windows may be gone from the new state, once it is settled. Undefined: none is. */
export function goneAtSwap(windows: ReplacedWindows): number | undefined {
  const ends = windows.clocks.flatMap((clock) => clock.map(({ watermark }) => endsOf(windows, watermark)));
  const gone = Math.max(...ends.map(({ formerGone, closed }) => Math.min(formerGone, closed)));
  return Number.isFinite(gone) ? gone : undefined;
}

/** A window that still takes events stays, whoever else has dropped it: its row would lack its earlier events. */
function isLeftBehind(windows: ReplacedWindows, row: StoredRow): boolean {
  const { formerGone, closed } = endsAt(windows, hashIn(row));
  return (row.window?.end ?? 0) <= Math.min(formerGone, closed);
}

/** Of several shards that have had the events of a row, one after the other, the latest knows the time. */
function endsAt(windows: ReplacedWindows, hash: bigint): Ends {
  const watermarks = windows.clocks.flatMap((clock) =>
    clock.filter(({ from, to }) => hash >= from && hash <= to).map(({ watermark }) => watermark),
  );
  return endsOf(windows, Math.max(Number.NEGATIVE_INFINITY, ...watermarks));
}

function endsOf({ former, now }: ReplacedWindows, watermark: number): Ends {
  const NONE = Number.NEGATIVE_INFINITY;
  const { keeps = Number.POSITIVE_INFINITY, takes = 0 } = now.times ?? {};
  // An earlier version did not say how long it kept windows: then as long as now.
  const keptBefore = former.windows === undefined ? Number.POSITIVE_INFINITY : (former.times?.keeps ?? keeps);
  return {
    formerGone: Math.max(watermark - keptBefore, former.gone === undefined ? NONE : Date.parse(former.gone)),
    nowGone: watermark - keeps,
    closed: watermark - takes,
  };
}

const isFinal = ({ windows }: Pick<StoredShape, 'windows'>): boolean => windows?.endsWith('emit final') === true;

function hashIn({ window }: StoredRow): bigint {
  return BigInt(`0x${window?.hash ?? '0'}`);
}
