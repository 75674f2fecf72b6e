import type { Random } from '../infra/sql/random.ts';

/** What a statement reads: rows of the stream, or of each tag of its events. */
export interface Input {
  /** What the rows are grouped by. */
  readonly keys: readonly string[];
  readonly where: string | undefined;
  readonly unnests: boolean;
}

/** The windows of a random statement. Times are in seconds. */
export interface QueryWindow {
  readonly kind: 'tumbling' | 'hopping' | 'session';
  /** Of a session: how long a key is silent before its session ends. */
  readonly size: number;
  /** The time between the starts of two windows. */
  readonly advance: number;
  readonly grace: number;
  /** Counts from the start of a window, and from the end of a session. Undefined: longer than any stream. */
  readonly retention: number | undefined;
  readonly emit: 'changes' | 'final';
  /** True when the SELECT list leaves window_end out. */
  readonly hidesEnd: boolean;
}

export function randomWindow(random: Random): QueryWindow {
  const kind = random.pick(['tumbling', 'hopping', 'session'] as const);
  const size = random.pick([30, 60, 90, 120]);
  const grace = random.pick([0, 20, 60]);
  return {
    kind,
    size,
    advance: kind === 'hopping' ? random.pick([20, 30, 50].filter((advance) => advance <= size)) : size,
    grace,
    retention: random.chance(0.4) ? size + grace + random.pick([0, 20, 120]) : undefined,
    emit: random.pick(['changes', 'final'] as const),
    hidesEnd: kind !== 'session' && random.chance(0.3),
  };
}

/** Windows with less to them. */
export function simplerWindows(window: QueryWindow): readonly QueryWindow[] {
  return [
    ...(window.retention === undefined ? [] : [{ ...window, retention: undefined }]),
    ...(window.kind === 'hopping' ? [{ ...window, kind: 'tumbling', advance: window.size } as const] : []),
    ...(window.emit === 'final' ? [{ ...window, emit: 'changes' } as const] : []),
    ...(window.grace > 0 && window.retention === undefined ? [{ ...window, grace: 0 }] : []),
  ];
}

export function windowClause({ kind, size, advance, grace, retention }: QueryWindow): string {
  const options = [
    kind === 'session' ? `${size} SECONDS` : `SIZE ${size} SECONDS`,
    ...(kind === 'hopping' ? [`ADVANCE BY ${advance} SECONDS`] : []),
    ...(retention === undefined ? [] : [`RETENTION ${retention} SECONDS`]),
    `GRACE PERIOD ${grace} SECONDS`,
  ];
  return `WINDOW ${kind.toUpperCase()} (${options.join(', ')})`;
}

/**
 * Writes the rows of the query's input for Postgres, with `window_start` and `window_end`: each row once for each of
 * its windows that it has not missed. `watermark` is the time that it was at the row's event.
 */
export function windowedRows(query: Input, window: QueryWindow): string {
  const { kind, size, grace } = window;
  const from = inputOf(query);
  if (kind !== 'session') return `SELECT * FROM (${inWindows(query, window)}) r WHERE NOT (${isLate(window)})`;
  const keys = `PARTITION BY ${query.keys.join(', ')}`;
  const marked = `SELECT *, CASE WHEN "time" - lag("time") OVER (${keys} ORDER BY "time", seq) <= ${seconds(size)} THEN 0 ELSE 1 END AS begins
    FROM (${from}) r WHERE NOT ("time" + ${seconds(grace)} <= watermark)`;
  const numbered = `SELECT *, sum(begins) OVER (${keys} ORDER BY "time", seq) AS session FROM (${marked}) m`;
  return `SELECT *, min("time") OVER p AS window_start, max("time") OVER p AS window_end FROM (${numbered}) n
    WINDOW p AS (${keys}, session)`;
}

/** Writes a query for the places in the log of the events that have missed a window. */
export function latePlaces(query: Input, window: QueryWindow): string {
  const rows =
    window.kind === 'session' ? `SELECT *, "time" AS window_end FROM (${inputOf(query)}) r` : inWindows(query, window);
  return `SELECT string_agg(DISTINCT seq::text, ',') FROM (${rows}) r WHERE ${isLate(window)}`;
}

/** Tells whether a row of a window has closed, and is still kept, when it is `now`. */
export function closedAt({ kind, size, grace }: QueryWindow, now: string): string {
  return `window_end + ${seconds(kind === 'session' ? size + grace : grace)} <= ${now}`;
}

export function keptAt({ kind, size, retention }: QueryWindow, now: string): string {
  if (retention === undefined) return 'true';
  return `window_end + ${seconds(kind === 'session' ? retention : retention - size)} > ${now}`;
}

function isLate({ grace }: QueryWindow): string {
  return `window_end + ${seconds(grace)} <= watermark`;
}

function inputOf({ unnests, where = 'true' }: Input): string {
  return `SELECT s.*${unnests ? ', tag' : ''} FROM s${unnests ? ', unnest(tags) AS tag' : ''} WHERE ${where}`;
}

function inWindows(query: Input, { size, advance }: QueryWindow): string {
  const last = `date_bin(${seconds(advance)}, "time", '1970-01-01Z')`;
  return `SELECT r.*, window_start, window_start + ${seconds(size)} AS window_end FROM (${inputOf(query)}) r,
    generate_series(${last}, "time" - ${seconds(size)}, -${seconds(advance)}) AS window_start
    WHERE window_start > "time" - ${seconds(size)}`;
}

const seconds = (count: number): string => `interval '${count} s'`;
