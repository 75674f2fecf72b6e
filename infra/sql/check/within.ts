import type { Checked, ScopeColumn } from '../plan/checked.ts';
import type { JoinKind, JoinSide, SideName, Within } from '../plan/join.ts';
import { mayMiss } from '../plan/join.ts';
import { scalar, typeName } from '../plan/sql-type.ts';
import type { ParsedWithin } from '../syntax/join-clauses.ts';
import type { CheckContext } from './context.ts';
import { coerce, convert, mistake } from './context.ts';
import { foldConstants } from './fold.ts';

/** ksqlDB's default. */
const DEFAULT_GRACE = 24 * 3_600_000;

/** Returns what WITHIN says. Throws in a join of tables. */
export function checkWithin(
  base: Pick<CheckContext, 'source'>,
  { offset, before, after, grace }: ParsedWithin,
  of: 'files' | 'tables' | 'streams',
): Within {
  if (of === 'tables')
    throw mistake(base, 'unsupported', {
      offset,
      problem: 'WITHIN joins two streams, and CREATE TABLE joins two tables, whose rows have no time',
      hint: 'leave WITHIN out, or write CREATE STREAM to join events',
    });
  return { before: before.millis, after: after.millis, grace: grace?.millis ?? DEFAULT_GRACE };
}

const ATTRIBUTES = ['key', 'time', 'source', 'id', 'type'] as const;

/**
 * Returns the attributes of the events of a side, which are columns beside those of the data: `o.time`. A column of the
 * data hides the attribute of its name.
 */
export function sideAttributes(
  { columns, table }: Pick<JoinSide, 'columns' | 'table'>,
  side: SideName,
): readonly ScopeColumn[] {
  return ATTRIBUTES.filter((name) => columns.every((column) => column.name !== name)).map((name) => ({
    name,
    type: scalar(name === 'time' ? 'timestamptz' : 'text'),
    nullable: false,
    table,
    origin: 'event',
    variable: `${side}${name.charAt(0).toUpperCase()}${name.slice(1)}`,
  }));
}

/** Adds the attributes of its events to a side. */
export function withAttributes(of: JoinSide, side: SideName, kind: JoinKind): JoinSide {
  const attributes = sideAttributes(of, side);
  const scope = mayMiss(kind, side) ? attributes.map((column) => ({ ...column, nullable: true })) : attributes;
  return { ...of, columns: [...of.columns, ...attributes], scope: [...of.scope, ...scope] };
}

/** Returns the time of a row of a file: its column `time`. */
export function rowTime(context: CheckContext, { columns, table, offset }: JoinSide): Checked {
  const column = columns.find(({ name }) => name === 'time');
  if (column === undefined)
    throw mistake(context, 'invalid', {
      offset,
      problem: `a line of "${table}" has no time, and WITHIN and AS OF compare times`,
      hint: 'call the column of its times "time": rename it in the file, or in a statement before, as in SELECT *, paid AS time FROM input',
    });
  const read: Checked = { kind: 'column', column, type: column.type, nullable: column.nullable, offset };
  const isText = typeName(column.type) === 'text';
  const time = isText ? convert(context, read, { to: TIME, as: 'explicit' }) : coerce(context, read, TIME);
  if (time !== undefined) return foldConstants(context.source, time);
  throw mistake(context, 'invalid', {
    offset,
    problem: `the column "time" of "${table}" must be a timestamptz, a timestamp or a date, not ${typeName(column.type)}`,
    hint: 'to_timestamp(…) takes seconds since 1970: make the column in a statement before',
  });
}

const TIME = scalar('timestamptz');
