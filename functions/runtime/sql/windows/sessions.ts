import type { WindowBounds, WindowFrame } from './window.ts';

/**
 * Finds the sessions that an event joins, among those of its group in the order of their starts: `from` is the first,
 * `to` follows the last. There are none (the event begins a session, at `from`), one, or two, which become one.
 */
export function sessionsAround(
  { size }: Pick<WindowFrame, 'size'>,
  sessions: readonly WindowBounds[],
  time: number,
): { readonly from: number; readonly to: number } {
  let [from, end] = [0, sessions.length];
  while (from < end) {
    const middle = (from + end) >> 1;
    if ((sessions[middle] as WindowBounds).end + size < time) from = middle + 1;
    else end = middle;
  }
  let to = from;
  while (to < sessions.length && (sessions[to] as WindowBounds).start - size <= time) to += 1;
  return { from, to };
}

/** Returns the bounds of the session that an event and the sessions which it joins become. */
export function joinedSession(joined: readonly WindowBounds[], time: number): WindowBounds {
  const first = joined[0]?.start ?? time;
  const last = joined[joined.length - 1]?.end ?? time;
  return { start: first < time ? first : time, end: last > time ? last : time };
}
