import type { SnapshotState } from './position.ts';

/** How far the rows that tables have already are read. */
export interface SnapshotProgress {
  /** The tables that are being read. `of`: how many rows the server believes it has. */
  readonly tables: readonly { readonly table: string; readonly rows: number; readonly of: number | undefined }[];
  /** How many tables wait. */
  readonly waiting: number;
  /** About how many rows are left. Undefined: the server has counted the rows of some table never. */
  readonly rowsLeft: number | undefined;
  /** How long that takes at the speed of this run. Undefined: nobody knows yet. */
  readonly millisLeft: number | undefined;
  readonly isPaused: boolean;
}

/** A speed says little before so many milliseconds. */
const SHORTEST_MILLIS = 1_000;

export function progressOf(
  left: SnapshotState['left'],
  {
    rowsOf,
    isPaused,
    most,
    speed,
  }: {
    readonly rowsOf: (table: string) => number | undefined;
    readonly isPaused: boolean;
    /** So many tables are read at once. */
    readonly most: number;
    readonly speed: { readonly rows: number; readonly millis: number };
  },
): SnapshotProgress {
  const counts = left.map(({ table, rows }) => ({ table, rows, of: rowsOf(table) }));
  const rowsLeft = counts.reduce<number | undefined>(
    (sum, { rows, of }) => (sum === undefined || of === undefined ? undefined : sum + Math.max(0, of - rows)),
    0,
  );
  const isKnown = rowsLeft !== undefined && speed.rows > 0 && speed.millis >= SHORTEST_MILLIS && !isPaused;
  return {
    tables: counts.slice(0, most),
    waiting: Math.max(0, counts.length - most),
    rowsLeft,
    millisLeft: isKnown ? (rowsLeft * speed.millis) / speed.rows : undefined,
    isPaused,
  };
}

/** So many tables are named. */
const MOST_NAMED = 4;

/** Says how far a snapshot is. */
export function progressText({ tables, waiting, rowsLeft, millisLeft, isPaused }: SnapshotProgress): string {
  const named = tables.slice(0, MOST_NAMED).map(({ table, rows, of }) => {
    const about = of === undefined || of < rows ? '' : ` of about ${written(of)}`;
    return `${table} (${written(rows)}${about})`;
  });
  const unnamed = waiting + tables.length - named.length;
  return [
    `${isPaused ? 'the snapshot is paused: rows of' : 'reads the rows of'} ${named.join(', ')}`,
    ...(unnamed === 0 ? [] : [`${unnamed} more ${unnamed === 1 ? 'table' : 'tables'} to read`]),
    ...(rowsLeft === undefined ? [] : [`about ${written(rowsLeft)} rows left`]),
    ...(millisLeft === undefined ? [] : [`${duration(millisLeft)} at this speed`]),
  ].join(', ');
}

function written(count: number): string {
  return count.toLocaleString('en-US');
}

function duration(millis: number): string {
  const minutes = Math.ceil(millis / 60_000);
  if (minutes < 60) return `${minutes} min`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}
