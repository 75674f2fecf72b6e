import type { TakeRow } from '../../../functions/runtime/sql/aggregates/grouped-statement.ts';
import { startStates } from '../../../functions/runtime/sql/aggregates/grouped-statement.ts';
import type { Identity } from '../../../functions/runtime/sql/aggregates/identity.ts';
import { joinedSession, sessionsAround } from '../../../functions/runtime/sql/windows/sessions.ts';
import type { WindowFrame } from '../../../functions/runtime/sql/windows/window.ts';
import { boundValues, rowTime } from '../../../functions/runtime/sql/windows/window.ts';
import type { Group, Keeping, KeptGroups } from './kept-groups.ts';
import { startLines } from './kept-groups.ts';

interface Session extends Group {
  start: number;
  end: number;
}

/**
 * Keeps the sessions of the groups. A row between two sessions makes one of them, which keeps the place of the first.
 */
export function keepSessions(keeping: Keeping, frame: WindowFrame): KeptGroups {
  const { statement } = keeping;
  const { all, begin, changed, place, startLine, undoLine } = startLines<Session>(keeping);
  /** The sessions of a group in the order of their starts. */
  const groups = new Map<Identity, Session[]>();
  const take: TakeRow = (identity, key, inputs) => {
    const time = rowTime(inputs);
    const sessions = groups.get(identity) ?? [];
    const { from, to } = sessionsAround(frame, sessions, time);
    const [first, ...others] = sessions.slice(from, to);
    const merged = others.reduce<readonly unknown[]>(
      (states, other) => statement.merge?.(states, other.states, place()) ?? states,
      first?.states ?? startStates(statement),
    );
    const states = [...statement.add(merged, inputs, place())];
    if (first === undefined) {
      const session = begin({
        key: [...key, ...boundValues({ start: time, end: time })],
        states,
        start: time,
        end: time,
      });
      sessions.splice(from, 0, session);
      groups.set(identity, sessions);
      changed(() => sessions.splice(sessions.indexOf(session), 1));
      return;
    }
    const before = { ...first };
    const { start, end } = joinedSession([first, ...others], time);
    Object.assign(first, { key: [...first.key.slice(0, -2), ...boundValues({ start, end })], states, start, end });
    sessions.splice(from + 1, others.length);
    for (const other of others) all.delete(other);
    changed(() => {
      Object.assign(first, before);
      sessions.splice(sessions.indexOf(first) + 1, 0, ...others);
      for (const other of others) all.add(other);
    });
  };
  return { all, startLine, undoLine, take };
}
