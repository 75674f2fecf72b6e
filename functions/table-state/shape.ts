import { z } from 'zod';
import { UserMistake } from '../runtime/errors.ts';
import type { Table } from '../runtime/table.ts';
import type { Column } from '../sinks/postgres/columns.ts';
import { columnsOfTable } from './columns.ts';

/** What the rows of a table are made of. The state's comment says it, to notice a change. */
export interface Shape {
  readonly columns: readonly Column[];
  readonly key: readonly string[];
  /** What the state is made of, where it is not the row. */
  readonly state?: string | undefined;
  /** The kind of its windows, and when the table shows them. */
  readonly windows?: string | undefined;
  /**
   * How long its windows take events and are kept, which may change, and how long they are, which may not. Comments of
   * earlier versions do not say it.
   */
  readonly times?: WindowTimes | undefined;
  /**
   * The same as `state` for people, clause by clause. Comments of earlier versions do not have it, nor what follows.
   */
  readonly parts?: Readonly<Record<string, string>> | undefined;
  /** Stands for how rows are made of states. */
  readonly shown?: string | undefined;
}

/** The times of windows, in milliseconds. */
export interface WindowTimes {
  /** How long after its end a window takes events, and is kept. */
  readonly takes: number;
  readonly keeps: number;
  /**
   * How long a window is, and how long after it the next one begins; of a session both are its gap. Undefined where
   * `Shape.state` says it, and in comments of earlier versions.
   */
  readonly size?: number | undefined;
  readonly advance?: number | undefined;
}

/** A shape as a comment has it. */
export interface StoredShape extends Shape {
  /** When the state was made, in UTC. */
  readonly since?: string | undefined;
  /** Rows of windows that ended by then may be gone, though they would be kept for longer today. In UTC. */
  readonly gone?: string | undefined;
  /** Set while the rows are made again, for code with this `shown`: those up to this id are made. */
  readonly showing?: { readonly shown: string | undefined; readonly after: string } | undefined;
  /** Set while the state is being made of the log, beside the one that the table shows. */
  readonly fills?: true | undefined;
  /** When that began, in UTC. States of earlier versions do not say it. */
  readonly begun?: string | undefined;
  /**
   * Set for a state that was made of the log: by shard, the position up to which. What it has refused of these events
   * is noted (refused.ts).
   */
  readonly filled?: Readonly<Record<string, string>> | undefined;
  /** Set for a state that another one has replaced, while the readers of the changes still have to learn of that. */
  readonly replaced?: true | undefined;
  /** Set for the state that has replaced another one: the number of that, and when it did so, in UTC. */
  readonly corrects?: { readonly number: number; readonly at: string } | undefined;
  /** The last request of an operator to make the table again. `again`: that is not done yet. */
  readonly asked?: string | undefined;
  readonly again?: true | undefined;
}

/** What the shape of a join of two streams has for windows: its rows are events that wait. */
export const WAITING = 'join within a time';

export function shapeOf({
  within,
  ...table
}: Pick<Table<never>, 'row' | 'key' | 'state' | 'windows' | 'within'>): Shape {
  const { parts, shown } = table.state ?? {};
  const state = within?.shape ?? table.state?.shape;
  const windows = within === undefined ? table.windows && `${table.windows.kind}, emit ${table.windows.emit}` : WAITING;
  return { columns: columnsOfTable(table), key: table.key, state, windows, times: timesOf(table), parts, shown };
}

function timesOf({ windows }: Pick<Table<never>, 'windows'>): WindowTimes | undefined {
  if (windows === undefined) return undefined;
  const { gapMillis, graceMillis, retentionMillis: keeps, sizeMillis: size, advanceMillis: advance } = windows;
  return { takes: gapMillis + graceMillis, keeps, size, advance };
}

const beginning = (step: string): string => `millrace state of ${step}: `;

/** Writes the comment of a state. `step` is `<pipeline>/<step>`. */
export function stateNote(step: string, shape: StoredShape): string {
  const { key, columns, state, windows, times, parts, shown, since, gone, showing, fills, filled } = shape;
  const { begun, replaced, corrects, asked, again } = shape;
  const rebuilt = { fills, begun, filled, replaced, corrects, asked, again };
  const stored = { key, columns, state, windows, times, parts, shown, since, gone, showing, ...rebuilt };
  return `${beginning(step)}${JSON.stringify(stored)}`;
}

/**
 * Reads the comment of a state. Undefined: the table is not the state of this step. Throws a `UserMistake` when
 * somebody has changed the comment so that it cannot be read.
 */
export function readStateNote(step: string, note: string): StoredShape | undefined {
  if (!note.startsWith(beginning(step))) return undefined;
  const text = note.slice(beginning(step).length);
  const parsed = StoredNote.safeParse(parsedJson(text));
  if (parsed.success) return parsed.data as unknown as StoredShape;
  throw new UserMistake(
    `the comment of the state of table ${step} is not as Millrace wrote it, so nobody knows what its rows are made of: '${shortened(text)}'; write back the comment that a backup of the database has (COMMENT ON TABLE … IS '…')`,
  );
}

/** What is read of every comment. The rest is as it was written. */
const StoredNote = z.looseObject({
  key: z.array(z.string()),
  columns: z.array(z.looseObject({ name: z.string(), type: z.string(), nullable: z.boolean() })),
});

function parsedJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

const MOST_SHOWN = 80;

const shortened = (text: string): string => (text.length > MOST_SHOWN ? `${text.slice(0, MOST_SHOWN)}…` : text);

/** What becomes of a state when its code changes. */
export interface ShapeChange {
  /**
   * `none`: nothing has changed. `transparent`: the state goes on, and rows are made of it otherwise. `rebuild`: the
   * state cannot go on.
   */
  readonly kind: 'none' | 'transparent' | 'rebuild';
  /** True of a transparent change after which the same state may have another row. */
  readonly isOfRows: boolean;
  /** What differs, as clauses: `WHERE was n > 1 and is n > 2`. */
  readonly differences: readonly string[];
}

/** Compares the shape that is stored with that of the code. */
export function changeBetween(stored: StoredShape, code: Shape): ShapeChange {
  const differences = [
    ...(JSON.stringify(stored.key) === JSON.stringify(code.key) ? [] : [was('the key', stored.key, code.key)]),
    ...columnDifferences(stored.columns, code.columns),
    ...stateDifferences(stored, code),
    ...windowDifferences(stored, code),
    ...lengthDifferences(stored, code),
    ...reopenedWindows(stored, code),
  ];
  if (differences.length > 0) return { kind: 'rebuild', isOfRows: false, differences };
  const isOfRows = stored.shown !== code.shown && code.shown !== undefined;
  const all = [...(isOfRows ? [shownDifference(stored)] : []), ...timeDifferences(stored, code)];
  return { kind: all.length === 0 ? 'none' : 'transparent', isOfRows, differences: all };
}

function shownDifference({ shown, showing }: StoredShape): string {
  if (showing !== undefined) return 'its rows are being made again at this moment, or an attempt has stopped half-way';
  return shown === undefined
    ? 'an earlier version made its rows, and did not say by which HAVING and columns'
    : 'HAVING, or what a column shows of the aggregates';
}

function was(what: string, before: readonly string[], now: readonly string[]): string {
  return `${what} was ${before.join(', ')} and is ${now.join(', ')}`;
}

function columnDifferences(before: readonly Column[], now: readonly Column[]): readonly string[] {
  const textOf = ({ type, nullable }: Column): string => `${type}${nullable ? '' : ' not null'}`;
  const [old, next] = [before, now].map((all) => new Map(all.map((one) => [one.name, textOf(one)])));
  const differences = textDifferences(Object.fromEntries(old ?? []), Object.fromEntries(next ?? []));
  const isMoved = differences.length === 0 && before.some(({ name }, i) => name !== now[i]?.name);
  return isMoved ? [was('the order of the columns', namesOf(before), namesOf(now))] : differences;
}

const namesOf = (columns: readonly Column[]): readonly string[] => columns.map(({ name }) => name);

function stateDifferences(stored: StoredShape, code: Shape): readonly string[] {
  if (stored.state === code.state) return [];
  const clauses = stored.parts && code.parts ? textDifferences(stored.parts, code.parts) : [];
  return clauses.length > 0
    ? clauses
    : [`its state was ${stored.state ?? 'the row'} and is ${code.state ?? 'the row'}`];
}

function windowDifferences({ windows: before }: Shape, { windows: now }: Shape): readonly string[] {
  return before === now ? [] : [`the windows were ${before ?? 'none'} and are ${now ?? 'none'}`];
}

/** Windows of another length are other rows. */
function lengthDifferences({ times: before }: Shape, { times: now, windows }: Shape): readonly string[] {
  if (before?.size === undefined || now?.size === undefined) return [];
  const isSession = windows?.startsWith('session') === true;
  const of = (what: string, was: number, is: number): readonly string[] =>
    was === is ? [] : [`the ${what} was ${seconds(was)} and is ${seconds(is)}`];
  if (isSession) return of('gap of a session', before.size, now.size);
  return [
    ...of('size of a window', before.size, now.size),
    ...(before.advance === before.size && now.advance === now.size
      ? []
      : of('advance of a window', before.advance ?? before.size, now.advance ?? now.size)),
  ];
}

/** Times change from the next event on: windows close, and rows are dropped, by the new ones. */
function timeDifferences({ times: before }: Shape, { times: now }: Shape): readonly string[] {
  if (before === undefined || now === undefined) return [];
  return [
    ...(before.takes === now.takes ? [] : [tookDifference(before, now)]),
    ...(before.keeps === now.keeps
      ? []
      : [
          `windows were kept for ${seconds(before.keeps)} after their ends and are kept for ${seconds(now.keeps)}: ${
            before.keeps < now.keeps ? 'those that are gone stay gone' : 'older ones are dropped'
          }`,
        ]),
  ];
}

/** A window that takes events again although its row is gone would begin with a new row, without its earlier events. */
function reopenedWindows({ times: before }: Shape, { times: now }: Shape): readonly string[] {
  if (before === undefined || now === undefined || now.takes <= before.keeps) return [];
  return [`${tookDifference(before, now)}, and they were dropped after ${seconds(before.keeps)}`];
}

function tookDifference(before: WindowTimes, now: WindowTimes): string {
  return `windows took events for ${seconds(before.takes)} after their ends and take them for ${seconds(now.takes)}`;
}

const seconds = (millis: number): string => `${millis / 1_000} s`;

/**
 * Returns what the comment of a state says once code with another shape goes on with it. Rows that are gone stay gone,
 * also for code that keeps windows for longer: processes of the former code may drop some until they end.
 */
export function adoptedShape(
  { since, gone, filled, corrects, asked, times: before }: StoredShape,
  code: Shape,
): StoredShape {
  const keepsLonger = before !== undefined && code.times !== undefined && before.keeps < code.times.keeps;
  const goneMillis = Date.now() + LONGEST_INVOCATION_MILLIS - (before?.keeps ?? 0);
  return { ...code, since, filled, corrects, asked, gone: keepsLonger ? new Date(goneMillis).toISOString() : gone };
}

const LONGEST_INVOCATION_MILLIS = 15 * 60_000;

function textDifferences(
  before: Readonly<Record<string, string>>,
  now: Readonly<Record<string, string>>,
): readonly string[] {
  const names = [...new Set([...Object.keys(before), ...Object.keys(now)])];
  return names
    .filter((name) => before[name] !== now[name])
    .map((name) => `${name} was ${before[name] ?? 'missing'} and is ${now[name] ?? 'missing'}`);
}
