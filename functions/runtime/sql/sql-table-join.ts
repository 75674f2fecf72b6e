import type { z } from 'zod';
import { SideEvent, type TableJoin } from '../join.ts';
import { memberRanges, textOf } from '../json/json-ranges.ts';
import { checkRowSize, type StateForm, type Table } from '../table.ts';
import type { Transform } from '../transform.ts';
import { type Compiled, rekeyed, rekeyingRows } from './joins/rekey.ts';
import { braced, isDeletion, readSide, type SideNames } from './joins/side-event.ts';
import { joinedRow, membersOf } from './joins/side-row.ts';
import { NO_ATTRIBUTES, runnerOf } from './sql-transform.ts';

/** A compiled join of two tables. */
export interface TableJoinDefinition<Inputs, Shown, S> {
  readonly entry: string;
  readonly file: string;
  readonly streams: S;
  readonly kind: 'inner' | 'left' | 'right' | 'full';
  /** The columns of the joined row that are its key. */
  readonly key: readonly string[];
  /** Says what is kept of both sides: another text is another state. */
  readonly shape: string;
  readonly inputs: Inputs;
  readonly row: Shown;
  /** For each side: projects a row, and what deletes it. */
  readonly left: Compiled;
  readonly leftDeleted: Compiled;
  readonly right: Compiled;
  readonly rightDeleted: Compiled;
  /** Makes the joined row of a row of both. */
  readonly joined: Compiled;
}

/** A join of two tables. A stream of its changes may use `row` as its schema. */
export interface SqlTableJoin<Inputs extends Record<string, z.ZodType>, Shown extends z.ZodType, S extends SideNames>
  extends Omit<TableJoin<{ readonly [N in keyof Inputs]: z.input<Inputs[N]> }>, 'row' | 'inputs'> {
  readonly inputs: Inputs;
  readonly row: Shown;
  readonly streams: S;
}

/** Makes a join of two tables of a compiled statement. */
export function sqlTableJoin<
  const Inputs extends Record<string, z.ZodType>,
  Shown extends z.ZodType,
  const S extends SideNames,
>(definition: TableJoinDefinition<Inputs, Shown, S>): SqlTableJoin<Inputs, Shown, S> {
  const { entry, inputs, row, streams } = definition;
  return {
    entry,
    inputs,
    row,
    streams,
    makesTable: true,
    rekey: (input) => rekeying(definition, input),
    keep: joining(definition),
  };
}

type AnyDefinition = TableJoinDefinition<Record<string, z.ZodType>, z.ZodType, SideNames>;

function rekeying(definition: AnyDefinition, input: string): Transform {
  const { file, streams, key, left, leftDeleted, right, rightDeleted } = definition;
  const [row, deleted] = input === streams.left ? [left, leftDeleted] : [right, rightDeleted];
  const table = { input, file, keys: key.length, row, deleted };
  return rekeyed(
    definition,
    input,
    rekeyingRows(table, (_, { body }) => braced(body)),
  );
}

/** What is kept of a key: the row of each side, as JSON without braces. */
interface Kept {
  readonly left: string | undefined;
  readonly right: string | undefined;
}

function joining(definition: AnyDefinition): Table {
  const { entry, streams, key, row, shape } = definition;
  const rowOf = rowMaker(definition);
  const state: StateForm = {
    shape,
    load(text) {
      const bytes = Buffer.from(text);
      const members = memberRanges(bytes);
      const of = (side: string): string | undefined => {
        const range = members.get(side);
        return range === undefined ? undefined : membersOf(textOf(bytes, range));
      };
      return { left: of('left'), right: of('right') };
    },
    save: (kept) => textOfKept(kept as Kept),
    rowOf: (kept) => rowOf(kept as Kept),
  };
  const next = (before: unknown, changed: Partial<Kept>): Kept | undefined => {
    const kept = { left: undefined, right: undefined, ...(before as Kept | undefined), ...changed };
    if (kept.left === undefined && kept.right === undefined) return undefined;
    checkRowSize(Buffer.byteLength(textOfKept(kept)), 'state');
    // A row that cannot be made is found now: the event that makes it is to blame.
    checkRowSize(Buffer.byteLength(rowOf(kept) ?? ''));
    return kept;
  };
  return {
    entry,
    from: SideEvent,
    row,
    key,
    state,
    isOfColumns: true,
    read(event) {
      const { side, id, row: own } = readSide(event, streams);
      const members = isDeletion(event) ? undefined : membersOf(own);
      return [{ id, reduce: (before) => next(before, { [side]: members }) }];
    },
  };
}

function textOfKept({ left, right }: Kept): string {
  const sides = Object.entries({ left, right }).flatMap(([name, members]) =>
    members === undefined ? [] : [`"${name}":{${members}}`],
  );
  return `{${sides.join(',')}}`;
}

/** Returns a function that makes the joined row. Undefined: a side is missing that must not, or WHERE is not true. */
export function rowMaker({
  file,
  kind,
  joined,
}: Pick<AnyDefinition, 'file' | 'kind' | 'joined'>): (kept: Kept) => string | undefined {
  const run = runnerOf({ ...joined, file });
  return ({ left, right }) => {
    if (left === undefined && kind !== 'right' && kind !== 'full') return undefined;
    if (right === undefined && kind !== 'left' && kind !== 'full') return undefined;
    const dataBytes = joinedRow(Buffer.from(left ?? ''), Buffer.from(right ?? ''));
    const [made] = run({ ...NO_ATTRIBUTES, dataBytes });
    return made === undefined ? undefined : Buffer.from(made.dataBytes).toString('utf8');
  };
}
