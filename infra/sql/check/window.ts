import type { Checked, ScopeColumn } from '../plan/checked.ts';
import { isScalar, scalar, typeName } from '../plan/sql-type.ts';
import type { Windowing } from '../plan/window.ts';
import { windowsPerEvent } from '../plan/window.ts';
import type { Duration } from '../syntax/durations.ts';
import type { ParsedStatement } from '../syntax/parse.ts';
import { type ParsedWindow, SESSION_GAP } from '../syntax/window-clause.ts';
import { forbidAggregates } from './aggregates.ts';
import type { CheckContext } from './context.ts';
import { coerce, convert, mistake } from './context.ts';
import { checkExpression } from './expression.ts';
import { foldConstants } from './fold.ts';

type Source = Pick<CheckContext, 'source'>;

/** A day in steps of 5 minutes is 288 windows, a week in steps of an hour 168. */
const MOST_WINDOWS = 300;

const HOUR = 3_600_000;
/** ksqlDB's default. */
const DEFAULT_GRACE = 24 * HOUR;
const DEFAULT_RETENTION = 7 * 24 * HOUR;

const boundColumn = (name: string, variable: string): ScopeColumn => ({
  name,
  type: scalar('timestamptz'),
  nullable: false,
  table: '',
  origin: 'group',
  variable,
});

/** The columns that a WINDOW clause adds to those of the input. They hide columns of the input with their names. */
export const WINDOW_COLUMNS = {
  start: boundColumn('window_start', 'windowStart'),
  end: boundColumn('window_end', 'windowEnd'),
};

/** Refuses WINDOW and EMIT in a statement without groups. */
export function rejectWindow(
  context: Source,
  { window, emit }: Pick<ParsedStatement, 'window' | 'emit'>,
  isTransform: boolean,
): void {
  if (window !== undefined)
    throw isTransform
      ? mistake(context, 'unsupported', {
          offset: window.offset,
          problem: 'WINDOW is not supported in a transform, which sees one event at a time',
          hint: 'windows need a table: CREATE TABLE … AS SELECT … WINDOW … GROUP BY …; `millrace sql` runs them over files',
        })
      : noGroups(context, window.offset);
  if (emit === undefined) return;
  if (emit.what === 'final') throw finalWithoutWindow(context, emit.offset);
  if (isTransform)
    throw mistake(context, 'unsupported', {
      offset: emit.offset,
      problem: 'EMIT CHANGES is not needed',
      hint: 'leave it out: a transform processes every new event',
    });
}

const noGroups = (context: Source, offset: number) =>
  mistake(context, 'invalid', {
    offset,
    problem: 'WINDOW needs GROUP BY',
    hint: 'write FROM … WINDOW … GROUP BY <columns>; every group has windows of its own',
  });

const finalWithoutWindow = (context: Source, offset: number) =>
  mistake(context, 'invalid', {
    offset,
    problem: 'EMIT FINAL needs WINDOW: without one, a group never ends',
    hint: 'add WINDOW TUMBLING (SIZE 15 MINUTES) after FROM, or write EMIT CHANGES',
  });

/** Checks WINDOW and EMIT of a statement with groups. Returns undefined without WINDOW. */
export function checkWindow(
  inputs: Omit<CheckContext, 'check' | 'aggregate'>,
  { select, window, emit, timestampBy }: ParsedStatement,
  ofFiles: boolean,
): Windowing | undefined {
  const scope = { ...inputs, aggregate: forbidAggregates('aggregate functions are not allowed in TIMESTAMP BY') };
  const context: CheckContext = { ...scope, check: (node) => checkExpression(scope, node) };
  if (window === undefined) {
    if (emit?.what === 'final') throw finalWithoutWindow(context, emit.offset);
    return undefined;
  }
  if ((select.groupClause ?? []).length === 0) throw noGroups(context, window.offset);
  const lengths = lengthsOf(context, window);
  const time =
    timestampBy === undefined ? ownTime(context, window, ofFiles) : timeOf(context, context.check(timestampBy));
  return {
    kind: window.kind,
    ...lengths,
    emit: emit?.what ?? 'changes',
    time: foldConstants(context.source, time),
    ...WINDOW_COLUMNS,
  };
}

function lengthsOf(context: Source, window: ParsedWindow): Pick<Windowing, 'size' | 'advance' | 'grace' | 'retention'> {
  const { kind, size, advance } = window;
  const what = kind === 'session' ? SESSION_GAP : 'SIZE';
  requireLength(context, what, size);
  if (advance !== undefined) {
    requireLength(context, 'ADVANCE BY', advance);
    if (advance.millis > size.millis)
      throw mistake(context, 'invalid', {
        offset: advance.offset,
        problem: 'ADVANCE BY is longer than SIZE: the events between two windows would be in none',
        hint: 'ADVANCE BY is at most SIZE; with the same length write TUMBLING',
      });
  }
  const step = kind === 'session' ? 0 : (advance?.millis ?? size.millis);
  const count = windowsPerEvent({ kind, size: size.millis, advance: step });
  if (count > MOST_WINDOWS)
    throw mistake(context, 'unsupported', {
      offset: advance?.offset ?? size.offset,
      problem: `each event would be in ${count.toLocaleString('en')} windows, and at most ${MOST_WINDOWS} are supported`,
      hint: 'advance by a longer time, or take a shorter SIZE',
    });
  const grace = window.grace?.millis ?? DEFAULT_GRACE;
  const needed = grace + (kind === 'session' ? 0 : size.millis);
  return { size: size.millis, advance: step, grace, retention: retentionOf(context, window, needed) };
}

function requireLength(context: Source, what: string, { millis, offset }: Duration): void {
  if (millis === 0) throw mistake(context, 'invalid', { offset, problem: `${what} must be longer than 0` });
}

function retentionOf(context: Source, { kind, grace, retention, size }: ParsedWindow, needed: number): number {
  const least = kind === 'session' ? needed + size.millis : needed;
  if (retention === undefined) return Math.max(least, DEFAULT_RETENTION);
  if (retention.millis >= least) return retention.millis;
  const parts = kind === 'session' ? 'the gap and the grace period' : 'SIZE and the grace period';
  throw mistake(context, 'invalid', {
    offset: retention.offset,
    problem: `RETENTION is shorter than ${parts} together, so windows would be dropped while they take events`,
    hint: grace === undefined ? 'the grace period is 24 hours unless you write GRACE PERIOD 1 HOUR' : undefined,
  });
}

/** Returns the time of a row without TIMESTAMP BY: a column `time` of the data of files, or the event's own time. */
function ownTime(context: CheckContext, { offset }: ParsedWindow, ofFiles: boolean): Checked {
  const origin = ofFiles ? 'data' : 'event';
  const [column, second] = context.columns.filter((known) => known.name === 'time' && known.origin === origin);
  if (column === undefined || second !== undefined)
    throw mistake(context, 'invalid', {
      offset,
      problem: 'a line of a file has no event time, and WINDOW needs one',
      hint: 'end the statement with the time of a line, as in TIMESTAMP BY ordered::timestamptz; a column "time" is taken without it',
    });
  const read: Checked = { kind: 'column', column, type: column.type, nullable: column.nullable, offset };
  const isText = isScalar(column.type, 'text');
  return timeOf(context, isText ? (convert(context, read, { to: TIME, as: 'explicit' }) ?? read) : read);
}

const TIME = scalar('timestamptz');

function timeOf(context: CheckContext, expression: Checked): Checked {
  const time = coerce(context, expression, TIME);
  if (time !== undefined) return time;
  throw mistake(context, 'invalid', {
    offset: expression.offset,
    problem: `the time of a line must be a timestamptz, a timestamp or a date, not ${typeName(expression.type)}`,
    hint: 'cast a text, as in (…)::timestamptz; to_timestamp(…) takes seconds since 1970',
  });
}
