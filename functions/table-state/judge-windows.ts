import type { ReceivedEvent } from '../runtime/event.ts';
import { type Rejection, rejectionOf } from '../runtime/rejection.ts';
import type { KeyedEvent } from '../runtime/table.ts';
import type { Moment } from '../runtime/time/batch-time.ts';
import { refuseFuture } from '../runtime/time/judge-event.ts';
import { AHEAD_MILLIS, type TableWindows, type Window } from '../runtime/windows.ts';

/** Where the row of a window stands in time. */
export interface RowWindow extends Window {
  /** The hash of the events' key, in hexadecimal with 32 digits: whoever reads its shard closes the window. */
  readonly hash: string;
  /** True: the table shows the row only once its window closes, and it has not closed. */
  readonly isOpen: boolean;
  /** Of a session: equal for all sessions of a key. */
  readonly group?: string | undefined;
}

/** What an event does to the row of one window. */
export interface WindowedRow extends KeyedEvent {
  readonly in: RowWindow;
  /** Of sessions: how long a key is silent before its session ends. 0 for other windows. */
  readonly gap: number;
  /** Windows that end at this time or earlier have closed, and are no longer kept. */
  readonly lastClosed: number;
  readonly lastGone: number;
}

/** Which windows an event goes into, and the dead letter of those that it has missed. */
export interface Judged {
  readonly rows: readonly WindowedRow[];
  readonly rejection?: Rejection | undefined;
}

/**
 * Judges an event by the watermark of its own place in the log, window by window. An event that has missed some of its
 * windows counts in the others and becomes a dead letter, which names those that it has missed. The watermark is in the
 * letter too: when that is redriven, the event goes into exactly the windows that had closed by then, as long as they
 * are kept.
 *
 * Throws `EventRejected` for an event that is dated too far ahead. It would close windows before their time. Such an
 * event is not read: its time may be in no window at all.
 */
export function judge(
  windows: TableWindows,
  event: ReceivedEvent,
  { read, moment }: { readonly read: () => readonly KeyedEvent[]; readonly moment: Moment },
): Judged {
  refuseFuture(event, moment, windows.aheadMillis ?? AHEAD_MILLIS);
  const rows = read();
  const { watermark } = moment;
  const lateAt = event.lateAt === undefined ? undefined : Date.parse(event.lateAt);
  if (lateAt !== undefined) return redriven(windows, event, { rows, moment, lateAt });
  const missed = rows.filter((row) => isLate(windows, windowOf(row), watermark));
  const taken = placed(windows, without(rows, missed), moment);
  if (missed.length === 0) return { rows: taken };
  const message = `${named(missed)} had closed: time was ${iso(watermark)}, and the grace period is ${windows.graceMillis / 1_000} s`;
  return { rows: taken, rejection: letter(event, message, watermark) };
}

/**
 * Judges an event that is redriven: it missed the windows that had closed at `lateAt`, and has counted in the others.
 */
function redriven(
  windows: TableWindows,
  event: ReceivedEvent,
  at: { readonly rows: readonly KeyedEvent[]; readonly moment: Moment; readonly lateAt: number },
): Judged {
  const { rows, moment, lateAt } = at;
  const missed = rows.filter((row) => isLate(windows, windowOf(row), lateAt));
  const gone = missed.filter((row) => isGone(windows, windowOf(row), moment.watermark));
  const taken = placed(windows, without(missed, gone), moment);
  if (gone.length === 0) return { rows: taken };
  // The letter of what is left names only windows that are gone: what was taken now is not taken again.
  const last = gone.at(-1);
  const goneAt = last === undefined ? lateAt : Math.min(lateAt, windowOf(last).end + windows.graceMillis);
  const byNow = gone.some((row) => windowOf(row).end <= lastGone(windows, moment.watermark));
  const why = byNow ? `time was ${iso(moment.watermark)}` : 'the table kept windows for a shorter time before';
  const message = `${named(gone)} is no longer kept: ${why}; a larger retention keeps windows longer`;
  return { rows: taken, rejection: letter(event, message, goneAt) };
}

/** Tells whether an event of a window comes too late. Of a session, the window is the time of the event. */
export function isLate({ graceMillis }: TableWindows, { end }: Window, watermark: number): boolean {
  return end + graceMillis <= watermark;
}

/** Returns the latest end of a window that has closed: no event on time can come for it any more. */
export function lastClosed({ gapMillis, graceMillis }: TableWindows, watermark: number): number {
  return watermark - graceMillis - gapMillis;
}

/** Returns the latest end of a window that is no longer kept. */
export function lastGone({ retentionMillis }: TableWindows, watermark: number): number {
  return watermark - retentionMillis;
}

function without(rows: readonly KeyedEvent[], others: readonly KeyedEvent[]): readonly KeyedEvent[] {
  return others.length === 0 ? rows : rows.filter((row) => !others.includes(row));
}

/** Tells whether the row of a window may have been dropped: an event that came now would begin another one. */
function isGone(windows: TableWindows, { end }: Window, watermark: number): boolean {
  return end <= Math.max(lastGone(windows, watermark), windows.goneMillis ?? Number.NEGATIVE_INFINITY);
}

/** Says of each row where its window stands in time when the event comes. */
function placed(
  windows: TableWindows,
  rows: readonly KeyedEvent[],
  { watermark, hash }: Moment,
): readonly WindowedRow[] {
  const isFinal = windows.emit === 'final';
  const closed = lastClosed(windows, watermark);
  const gone = lastGone(windows, watermark);
  const hashKey = hashText(hash());
  return rows.map((row) => {
    const { start, end } = windowOf(row);
    const group = windows.kind === 'session' ? row.id : undefined;
    return {
      ...row,
      in: { start, end, hash: hashKey, isOpen: isFinal && end > closed, group },
      gap: windows.gapMillis,
      lastClosed: isFinal ? closed : Number.POSITIVE_INFINITY,
      lastGone: gone,
    };
  });
}

/** Writes a hash key so that texts sort as the numbers do. */
export function hashText(hash: bigint): string {
  return hash.toString(16).padStart(32, '0');
}

function windowOf({ id, window }: KeyedEvent): Window {
  if (window === undefined) throw new Error(`the table has windows, and the row ${id} has none`);
  return window;
}

function named(rows: readonly KeyedEvent[]): string {
  const [first, last] = [rows[0], rows.at(-1)];
  if (first === undefined || last === undefined) return 'no window';
  const text = (row: KeyedEvent): string => `${iso(windowOf(row).start)} to ${iso(windowOf(row).end)}`;
  return first === last
    ? `the window ${text(first)}`
    : `each of ${rows.length} windows, from ${text(first)} up to ${text(last)},`;
}

function letter(event: ReceivedEvent, message: string, watermark: number): Rejection {
  return { ...rejectionOf(event, { reason: 'late', message }), origin: { lateAt: iso(watermark) } };
}

function iso(millis: number): string {
  return new Date(millis).toISOString();
}
