import type { z } from 'zod';
import type { ReceivedEvent } from '../event.ts';
import { type JoinTables, KEYS, RowEvent, rekeyOptions, SideEvent } from '../join.ts';
import { memberRanges, textOf } from '../json/json-ranges.ts';
import { checkRowSize, type StateForm, type Table } from '../table.ts';
import type { Output, Transform } from '../transform.ts';
import { leftRows } from './joins/left-rows.ts';
import { matches } from './joins/matches.ts';
import { rekeyed, rekeyingRows } from './joins/rekey.ts';
import { type RowNote, readRowNote } from './joins/row-event.ts';
import { braced, type SideNames, sideEvent } from './joins/side-event.ts';
import { membersOf } from './joins/side-row.ts';
import { rowMaker, type SqlTableJoin, type TableJoinDefinition } from './sql-table-join.ts';

interface Definition<Inputs, Shown, S> extends Omit<TableJoinDefinition<Inputs, Shown, S>, 'kind'> {
  readonly kind: 'inner' | 'left';
  /** How many columns of the left input hold the key of a row of the right one. */
  readonly foreignKeys: number;
}

/** A join of two tables by a foreign key. A stream of its changes may use `row` as its schema. */
export interface SqlForeignJoin<Inputs extends Record<string, z.ZodType>, Shown extends z.ZodType, S extends SideNames>
  extends SqlTableJoin<Inputs, Shown, S> {
  readonly tables: JoinTables['tables'];
}

/** Makes a join of two tables by a foreign key of a compiled statement. */
export function sqlForeignJoin<
  const Inputs extends Record<string, z.ZodType>,
  Shown extends z.ZodType,
  const S extends SideNames,
>(definition: Definition<Inputs, Shown, S>): SqlForeignJoin<Inputs, Shown, S> {
  const { entry, file, inputs, row, streams, shape, key, foreignKeys, left, leftDeleted } = definition;
  const from = inputs[streams.left];
  if (from === undefined) throw new Error(`the join has no input '${streams.left}'`);
  const ofLeft = { entry, file, shape, from, ids: key.length, foreignKeys, row: left, deleted: leftDeleted };
  return {
    entry,
    inputs,
    row,
    streams,
    makesTable: true,
    rekey: (input) => (input === KEYS ? keysOfRows(definition) : rowsOfRight(definition, input)),
    tables: [leftRows(ofLeft), matches({ entry, streams, shape })],
    keep: joinedRows(definition),
  };
}

type AnyDefinition = Definition<Record<string, z.ZodType>, z.ZodType, SideNames>;

function rowsOfRight(definition: AnyDefinition, input: string): Transform {
  const { file, foreignKeys, right, rightDeleted } = definition;
  const table = { input, file, keys: foreignKeys, row: right, deleted: rightDeleted };
  return rekeyed(
    definition,
    input,
    rekeyingRows(table, (_, { body }) => braced(body)),
  );
}

/**
 * Re-keys the rows of the left input by their foreign keys. It reads them in the stream of the joined rows: so a row is
 * there before anybody can answer what it meets.
 */
function keysOfRows({ entry, streams }: AnyDefinition): Transform {
  return {
    entry,
    from: RowEvent,
    to: SideEvent,
    options: rekeyOptions(KEYS),
    run(event) {
      const { id, version, key, before, found } = readRowNote(event);
      if (found !== undefined) return [];
      const told = (of: string, now: string | null): Output =>
        sideEvent(event, { side: streams.left, key: of, row: Buffer.from(JSON.stringify({ id, version: now })) });
      return [
        ...(before === null || before === key ? [] : [told(before, null)]),
        ...(key === null ? [] : [told(key, version)]),
      ];
    },
  };
}

/** What is kept of a row of the left input: as JSON without braces. */
interface Kept {
  readonly version: string;
  /** The row, until it is known what it meets. The table shows the row before meanwhile. */
  readonly waiting: string | undefined;
  readonly left: string | undefined;
  readonly right: string | undefined;
  /** Where the event that made it so is in the log. Rows of earlier versions do not say it. */
  readonly at: string | undefined;
}

function joinedRows(definition: AnyDefinition): Table {
  const { entry, row, key, shape } = definition;
  const make = rowMaker(definition);
  const rowOf = (state: unknown): string | undefined => make(state as Kept);
  const state: StateForm = { shape, load: loadKept, save: (kept) => textOfKept(kept as Kept), rowOf };
  return {
    entry,
    from: RowEvent,
    row,
    key,
    state,
    isMadeOnce: true,
    read(event) {
      const note = readRowNote(event);
      const at = placeOf(event);
      return [
        {
          id: JSON.stringify(note.id),
          reduce(before) {
            const next = nextOf(before as Kept | undefined, note, at);
            if (next === undefined || next === before) return next;
            checkRowSize(Buffer.byteLength(textOfKept(next)), 'state');
            // A row that cannot be made is found now: the event that makes it is to blame.
            checkRowSize(Buffer.byteLength(rowOf(next) ?? ''));
            return next;
          },
        },
      ];
    },
  };
}

/**
 * Returns where an event came first: one that was put back has the place at which it was refused. Undefined: an earlier
 * version has put it back, and did not say that. The places of the events of one key grow, also over a split.
 */
function placeOf({ position, redrivenFor, redrivenFrom }: ReceivedEvent): string | undefined {
  if (redrivenFor === undefined) return position;
  return redrivenFrom?.slice(redrivenFrom.lastIndexOf('/') + 1);
}

/**
 * Drops what is not of the version that the row has: the row has changed, moved or gone since it was asked for. Drops
 * an event that was put back, too, when a later one has made the row.
 */
function nextOf(before: Kept | undefined, note: RowNote, at: string | undefined): Kept | undefined {
  const { version, key, row, found } = note;
  if (before?.at !== undefined && at !== undefined && at < before.at) return before;
  if (found !== undefined) {
    if (before === undefined || version !== before.version) return before;
    return {
      version: before.version,
      waiting: undefined,
      left: before.waiting ?? before.left,
      right: found ?? undefined,
      at: at ?? before.at,
    };
  }
  if (version === null || row === undefined) return undefined;
  if (key === null) return { version, waiting: undefined, left: row, right: undefined, at: at ?? before?.at };
  return { version, waiting: row, left: before?.left, right: before?.right, at: at ?? before?.at };
}

function textOfKept({ version, at, ...sides }: Kept): string {
  const members = Object.entries(sides).flatMap(([name, text]) => (text === undefined ? [] : [`,"${name}":{${text}}`]));
  const place = at === undefined ? '' : `,"at":${JSON.stringify(at)}`;
  return `{"version":${JSON.stringify(version)}${place}${members.join('')}}`;
}

function loadKept(text: string): Kept {
  const bytes = Buffer.from(text);
  const ranges = memberRanges(bytes);
  const [version = '""', at, ...sides] = ['version', 'at', 'waiting', 'left', 'right'].map((name) => {
    const range = ranges.get(name);
    return range === undefined ? undefined : textOf(bytes, range);
  });
  const [waiting, left, right] = sides.map((side) => (side === undefined ? undefined : membersOf(side)));
  return {
    version: JSON.parse(version) as string,
    waiting,
    left,
    right,
    at: at === undefined ? undefined : (JSON.parse(at) as string),
  };
}
