import { START_OF_SHARD } from '../../functions/runtime/position.ts';
import { AHEAD_MILLIS } from '../../functions/runtime/windows.ts';
import type { Oracle } from '../infra/sql/oracle.ts';
import { type Asking, type Compared, timestamp } from './asking.ts';
import type { LogTime } from './log-time.ts';
import type { Change, Commit } from './play.ts';
import { KEYS } from './stream.ts';
import { closedAt, keptAt, latePlaces, type QueryWindow } from './window.ts';

/** Conditions for the windows that a table shows after a commit: those that it shows, and those that it may show. */
interface Shown {
  readonly least: string;
  readonly most: string;
}

/**
 * Returns which windows a table shows after each commit. A commit whose page was full has closed and dropped no more
 * than is due at the next whole commit, of its shard or of one after it, and what was due before it is done.
 */
export function shownWindows(window: QueryWindow, commits: readonly Commit[], time: LogTime): readonly Shown[] {
  const now = time.after(commits.map(({ upTo }) => upTo));
  const done = KEYS.map(() => Number.NEGATIVE_INFINITY);
  const begun = [...done];
  return commits.map(({ upTo: { closes, shard, position = START_OF_SHARD } }, i): Shown => {
    for (const key of closes === 'none' ? [] : time.keysOf(shard)) {
      const isNextWhole = ({ upTo }: Commit, next: number): boolean =>
        next > i &&
        upTo.closes === 'all' &&
        time.keysOf(upTo.shard).includes(key) &&
        (upTo.shard !== shard || (upTo.position ?? START_OF_SHARD) > position);
      const whole = closes === 'all' ? i : commits.findIndex(isNextWhole);
      begun[key] = Math.max(begun[key] ?? 0, now[whole]?.[key] ?? 0);
      if (closes === 'all') done[key] = now[i]?.[key] ?? 0;
    }
    return { least: shown(window, done, begun), most: shown(window, begun, done) };
  });
}

function shown(window: QueryWindow, closed: readonly number[], kept: readonly number[]): string {
  const isKept = keptAt(window, timeOf(kept));
  return window.emit === 'final' ? `${closedAt(window, timeOf(closed))} AND ${isKept}` : isKept;
}

/**
 * Compares the dead letters of a table with windows, and its change stream to the end, with Postgres's answer: the
 * letters are of the events that came too late or too early, and of no others; the stream has each window's row.
 */
export async function differenceOfWindows(
  oracle: Oracle,
  { query, given, played, window }: Compared & { readonly window: QueryWindow },
  { theirs, ours, time, processed }: Asking,
): Promise<string | undefined> {
  const early = given.filter(({ id, time: at }) => Date.parse(at) > time.at(id).arrivedMillis + AHEAD_MILLIS);
  const refused = [...played.rejected].flatMap(([id, reason]) => (reason === 'future' ? [id] : []));
  const ofFuture = differenceOfSets(
    'future',
    refused,
    early.map(({ id }) => id),
  );
  if (ofFuture !== undefined) return ofFuture;

  const last = time.after(played.commits.map(({ upTo }) => upTo)).at(-1) ?? [];
  const closed = window.emit === 'final' ? closedAt(window, timeOf(last)) : 'true';
  const [late, stream, table] = await oracle.attempt([
    `with s as (select * from facts where not rejected) ${latePlaces(query, window)}`,
    ours([...folded(played.changes).values()]),
    theirs('not rejected', closed),
  ]);
  const missed = (late?.value ?? '').split(',').flatMap((seq) => processed[Number(seq || -1)] ?? []);
  const ofLate = differenceOfSets('late', [...played.late], missed);
  if (ofLate !== undefined) return ofLate;
  if (stream?.value !== table?.value)
    return `the change stream has\n${stream?.value ?? stream?.message}\nPostgres:\n${table?.value ?? table?.message}`;
  const again = window.emit === 'final' ? played.changes.find(isAgain) : undefined;
  return again && `the window ${again.key} closed twice: ${again.type} ${again.row}`;
}

/** Finds a change that is not the first one of its row, or takes a row back. */
function isAgain({ type, key }: Change, index: number, all: readonly Change[]): boolean {
  return !type.endsWith('.inserted') || all.findIndex((one) => one.key === key) < index;
}

function folded(changes: readonly Change[]): ReadonlyMap<string, string> {
  const rows = new Map<string, string>();
  for (const { type, key, row } of changes) {
    if (type.endsWith('.deleted')) rows.delete(key);
    else rows.set(key, row);
  }
  return rows;
}

function differenceOfSets(reason: string, found: readonly string[], expected: readonly string[]): string | undefined {
  const [is, should] = [found, expected].map((ids) => ids.toSorted().join(', ') || 'none');
  return is === should
    ? undefined
    : `the dead letters with the reason ${reason} are of ${is}, and should be of ${should}`;
}

/** Writes what time it is for a row's key. */
function timeOf(now: readonly number[]): string {
  const times = KEYS.map(
    (key, i) => `WHEN '${key}' THEN '${timestamp(now[i] ?? Number.NEGATIVE_INFINITY)}'::timestamptz`,
  );
  return `(CASE key ${times.join(' ')} END)`;
}
