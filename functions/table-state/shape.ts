import type { Table } from '../runtime/table.ts';
import type { Column } from '../sinks/postgres/columns.ts';
import { columnsOfTable } from './columns.ts';

/** What the rows of a table are made of. The state's comment says it, to notice a change. */
export interface Shape {
  readonly columns: readonly Column[];
  readonly key: readonly string[];
  /** What the state is made of, where it is not the row. */
  readonly state?: string | undefined;
  /** The kind of its windows, and when the table shows them. Size and grace may change. */
  readonly windows?: string | undefined;
  /**
   * The same as `state` for people, clause by clause. Comments of earlier versions do not have it, nor what follows.
   */
  readonly parts?: Readonly<Record<string, string>> | undefined;
  /** Stands for how rows are made of states. */
  readonly shown?: string | undefined;
}

/** A shape as a comment has it. */
export interface StoredShape extends Shape {
  /** When the state was made, in UTC. */
  readonly since?: string | undefined;
  /** Set while the rows are made again, for code with this `shown`: those up to this id are made. */
  readonly showing?: { readonly shown: string | undefined; readonly after: string } | undefined;
}

export function shapeOf(table: Pick<Table<never>, 'row' | 'key' | 'state' | 'windows'>): Shape {
  const { shape: state, parts, shown } = table.state ?? {};
  const windows = table.windows && `${table.windows.kind}, emit ${table.windows.emit}`;
  return { columns: columnsOfTable(table), key: table.key, state, windows, parts, shown };
}

const beginning = (step: string): string => `millrace state of ${step}: `;

/** Writes the comment of a state. `step` is `<pipeline>/<step>`. */
export function stateNote(step: string, shape: StoredShape): string {
  const { key, columns, state, windows, parts, shown, since, showing } = shape;
  return `${beginning(step)}${JSON.stringify({ key, columns, state, windows, parts, shown, since, showing })}`;
}

/** Reads the comment of a state. Undefined: the table is not the state of this step. */
export function readStateNote(step: string, note: string): StoredShape | undefined {
  if (!note.startsWith(beginning(step))) return undefined;
  return JSON.parse(note.slice(beginning(step).length)) as StoredShape;
}

/** What becomes of a state when its code changes. */
export interface ShapeChange {
  /**
   * `none`: nothing has changed. `transparent`: the state goes on, and rows are made of it otherwise. `rebuild`: the
   * state cannot go on.
   */
  readonly kind: 'none' | 'transparent' | 'rebuild';
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
  ];
  if (differences.length > 0) return { kind: 'rebuild', differences };
  if (stored.shown === code.shown || code.shown === undefined) return { kind: 'none', differences };
  return { kind: 'transparent', differences: [shownDifference(stored)] };
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

function textDifferences(
  before: Readonly<Record<string, string>>,
  now: Readonly<Record<string, string>>,
): readonly string[] {
  const names = [...new Set([...Object.keys(before), ...Object.keys(now)])];
  return names
    .filter((name) => before[name] !== now[name])
    .map((name) => `${name} was ${before[name] ?? 'missing'} and is ${now[name] ?? 'missing'}`);
}
