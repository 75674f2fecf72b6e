import type { SessionForm } from '../runtime/table.ts';
import type { WindowedRow } from './judge-windows.ts';

/** The session of a key, in memory. */
export interface Session {
  readonly id: string;
  readonly state: unknown;
  readonly eventKey: string;
  readonly start: number;
  readonly end: number;
}

/** What an event does to the sessions of its key: it replaces those that it joins by one. */
export interface JoinedSessions {
  /** The sessions that are no more. One of them may have the id of the new one. */
  readonly replaced: readonly string[];
  readonly id: string;
  readonly state: unknown;
  readonly start: number;
  readonly end: number;
}

/** Finds the sessions that an event joins: its time is within the gap before or after them, or inside. */
export function touched(
  sessions: Iterable<Session>,
  { in: { start: time }, gap, lastGone }: WindowedRow,
): readonly Session[] {
  return [...sessions]
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
