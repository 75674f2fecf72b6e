import type { AsOf, JoinKind, JoinSide } from '../plan/join.ts';
import type { ParsedAsOf } from '../syntax/join-clauses.ts';
import type { CheckContext } from './context.ts';
import { mistake } from './context.ts';

/** As long as windows are kept. */
const DEFAULT_RETENTION = 7 * 24 * 3_600_000;

interface Joined {
  readonly kind: JoinKind;
  readonly left: JoinSide;
  readonly of: 'files' | 'tables' | 'streams';
}

/** Returns what AS OF says. Its time is that of the left side's event. */
export function checkAsOf(
  base: Pick<CheckContext, 'source'>,
  { offset, table, column, retention }: ParsedAsOf,
  { kind, left, of }: Joined,
): AsOf {
  if (of === 'tables')
    throw mistake(base, 'unsupported', {
      offset,
      problem: 'AS OF joins a stream with a table, and CREATE TABLE joins two tables, whose rows have no time',
      hint: 'leave AS OF out, or write CREATE STREAM to join events',
    });
  if (kind !== 'inner' && kind !== 'left')
    throw mistake(base, 'unsupported', {
      offset,
      problem: `AS OF in a ${kind.toUpperCase()} JOIN is not supported: a version of a row that meets no event would never be complete`,
      hint: 'name the stream first, and write JOIN or LEFT JOIN with the table',
    });
  const isHidden = of === 'streams' && table !== 'event' && left.columns.some(({ name }) => name === 'time');
  const isOfLeft = table === undefined || table === left.table || (of === 'streams' && table === 'event');
  if (column !== 'time' || !isOfLeft || isHidden)
    throw mistake(base, 'unsupported', {
      offset,
      problem: 'AS OF takes the time of the event, and no other one',
      hint: isHidden
        ? 'write AS OF event.time: "time" is a column of the data here'
        : `write AS OF ${left.table}.time; TIMESTAMP BY in a step before the join sets the time of an event`,
    });
  return { retention: retention?.millis ?? DEFAULT_RETENTION };
}
