import type { SessionForm } from '../runtime/table.ts';
import type { Window } from '../runtime/windows.ts';
import type { WindowedRow } from './judge-windows.ts';

/** The time of a session: from its first event to its last one. */
interface Span extends Window {
  readonly id: string;
}

/** The session of a key, in memory. */
export interface Session extends Span {
  readonly state: unknown;
  readonly eventKey: string;
}

/** What an event does to the sessions of its key: it replaces those that it joins by one. */
export interface JoinedSessions extends Span {
  /** The sessions that are no more. One of them may have the id of the new one. */
  readonly replaced: readonly string[];
  readonly state: unknown;
}

/** Finds the sessions that an event joins: its time is within the gap before or after them, or inside. */
export function touched(spans: readonly Span[], { in: { start: time }, gap, lastGone }: WindowedRow): readonly Span[] {
  return spans
    .filter(({ start, end }) => time >= start - gap && time <= end + gap && end > lastGone)
    .sort((one, other) => one.start - other.start);
}

/**
 * Joins an event and the sessions that it touches into one, the earliest first. Throws `EventRejected` when the event
 * cannot be reduced, or the sessions cannot be merged.
 */
export function joined(row: WindowedRow, near: readonly Session[], { merge }: SessionForm): JoinedSessions {
  const [first, ...more] = near;
  const time = row.in.start;
  const before = first && more.reduce((state, session) => merge(state, session.state), first.state);
  const start = Math.min(time, first?.start ?? time);
  const end = Math.max(time, ...near.map((session) => session.end));
  return {
    replaced: near.map(({ id }) => id),
    id: sessionId(row.id, start),
    state: row.reduce(before, { start, end }),
    start,
    end,
  };
}

function sessionId(group: string, start: number): string {
  return JSON.stringify([group, new Date(start).toISOString()]);
}
