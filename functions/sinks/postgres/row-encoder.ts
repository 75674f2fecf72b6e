import type { JsonRange } from '../../runtime/json/json-ranges.ts';
import {
  addAscii,
  addDecoded,
  addJson,
  addLineEnd,
  addNull,
  addRaw,
  addSeparator,
  addText,
  emptyCopyText,
  giveBack,
  reserve,
  takeBytes,
} from './copy-text.ts';
import { ABSENT, ESCAPED, NESTED, NULL, NUMBER, openFields, TEXT, textAt } from './fields.ts';
import { literalOf } from './literals.ts';
import { type AddNumber, numberAdder } from './numbers.ts';
import { NOT_A_TEXT, type RowRejection, type ValueFault } from './row-rejection.ts';
import type { Table, TableColumn } from './table.ts';
import { type CompositeType, isNested, type ListType, type ValueType } from './value-types.ts';

/**
 * Turns events' data into lines of COPY's text format, from bytes to bytes, so that numbers keep their digits. Each
 * value becomes what Postgres's own `json_populate_record` would make of it. Values that no text can express are
 * rejected here, so that they cannot spoil a batch; Postgres itself decides about all others.
 */
export interface RowEncoder {
  /** Locates the fields of an event's data, and decides which columns its row has. */
  read(data: Uint8Array): RowResult;
  /**
   * Locates the fields of an updated row's data. Columns that the data lists as unchanged are not in the row's shape:
   * they keep their values.
   */
  readUpdate(data: Uint8Array): RowResult;
  /**
   * Locates the fields of a deleted row's data, of which only the key counts. Its row has the given shape, or all
   * columns, with nulls outside the key.
   */
  readDeletion(data: Uint8Array, shape: Shape | undefined): RowResult;
  /**
   * Adds the row that was read last, after the values of our own columns, each with the separator behind it. `note` is
   * the value of the column that notes the event, in ASCII without a backslash. Returns a rejection when the row was
   * not added.
   */
  add(data: Uint8Array, own: string, note: string): RowRejection | undefined;
  /** The number of bytes that `take` would return. */
  waiting(): number;
  /** Takes the lines that were added since the last call. */
  take(): Uint8Array;
  /** Returns the memory of lines that are sent, to be written again. */
  giveBack(taken: Uint8Array): void;
}

export type RowResult =
  | Row
  | { readonly outcome: 'rejected'; readonly rejection: RowRejection }
  | { readonly outcome: 'unknown'; readonly field: string };

/**
 * The columns that a row has: all, except columns with a default for which the event has no field. Equal shapes are one
 * object.
 */
export interface Shape {
  readonly columns: readonly TableColumn[];
  /** The indexes of these columns among the table's. */
  readonly indexes: readonly number[];
  /** True when the other columns of a row that exists keep their values: such a row is updated and never inserted. */
  readonly isPartial?: true;
}

/**
 * The field of an update that lists columns whose values are not in it, because they did not change and stand outside
 * of the row in its database (TOAST). A mirror keeps what it has there.
 */
export const UNCHANGED = 'unchanged';

/** `ignored`: fields of events that are no columns, and that no row needs. */
export function openRowEncoder(table: Table, key: readonly string[], ignored: readonly string[] = []): RowEncoder {
  const { columns, notesEvents } = table;
  /** The columns whose values are fields of the data. They come first. */
  const given = notesEvents ? columns.slice(0, -1) : columns;
  const noteIndex = given.length === columns.length ? -1 : given.length;
  const fields = openFields([...given.map(({ name }) => name), ...ignored]);
  const out = emptyCopyText();
  const shapes = openShapes(columns, (index) => index === noteIndex || fields.kindOf(index) !== ABSENT);
  const required = given.flatMap(({ name, notNull, hasDefault }, index) => {
    const isKey = key.includes(name);
    return notNull || isKey ? [{ name, index, isKey, hasDefault: hasDefault && !isKey }] : [];
  });
  const keysOnly = required.filter(({ isKey }) => isKey);
  const keys = new Set(keysOnly.map(({ index }) => index));
  const addNumber = columns.map(({ type }) => numberAdderOf(type));
  /** No value of one line grows to more than twice its length, at most one backslash for each byte, but literals. */
  const mostBytes = (data: Uint8Array): number => 2 * data.length + 3 * columns.length + 16;
  const noteBytes = noteIndex === -1 ? 0 : MOST_NOTE_BYTES;
  let indexes: readonly number[] = [];
  let deleting = false;
  let updating = false;
  /** The columns that the data lists as unchanged. */
  let unchanged: readonly number[] = [];
  const unchangedField = ignored.includes(UNCHANGED) ? given.length + ignored.indexOf(UNCHANGED) : -1;

  /** Finds the columns that are listed as unchanged. */
  const unchangedIn = (data: Uint8Array): readonly number[] => {
    if (unchangedField === -1 || fields.kindOf(unchangedField) !== NESTED) return [];
    const names: unknown = JSON.parse(textAt(data, fields.startOf(unchangedField), fields.endOf(unchangedField)));
    if (!Array.isArray(names)) return [];
    return given.flatMap(({ name }, index) =>
      names.includes(name) && !key.includes(name) && fields.kindOf(index) === ABSENT ? [index] : [],
    );
  };

  /** Returns the first of the fields that has to have a value and has none. */
  const missingOf = (among: typeof required): RowRejection | undefined => {
    for (const { name, index, hasDefault } of among) {
      if (unchanged.includes(index)) continue;
      const kind = fields.kindOf(index);
      if (kind === NULL || (kind === ABSENT && !hasDefault)) return missing(table, name);
    }
    return undefined;
  };

  const readAs = (data: Uint8Array, among: typeof required, rowOf: () => Row): RowResult => {
    const found = fields.read(data);
    if (found.outcome === 'unknown') return found;
    if (found.outcome === 'no-row') return { outcome: 'rejected', rejection: NO_FIELDS };
    unchanged = updating ? unchangedIn(data) : [];
    const rejection = missingOf(among);
    if (rejection !== undefined) return { outcome: 'rejected', rejection };
    const row = rowOf();
    indexes = row.shape.indexes;
    return row;
  };

  const currentRow = (): Row => (unchanged.length === 0 ? shapes.current() : shapes.partial(unchanged));
  const readRow = (data: Uint8Array): RowResult => {
    deleting = false;
    return readAs(data, required, currentRow);
  };

  const addLiteral = (type: ListType | CompositeType, range: JsonRange): ValueFault | undefined => {
    const literal = literalOf(type, out.data, range);
    if (typeof literal === 'object') return literal;
    addText(out, literal, mostBytes(out.data) + noteBytes);
    return undefined;
  };

  /** Adds one value. Returns why when it adds nothing. */
  const addValue = (index: number): ValueFault | undefined => {
    const kind = fields.kindOf(index);
    const start = fields.startOf(index);
    const end = fields.endOf(index);
    const { type } = columns[index] as TableColumn;
    if (kind === NULL || kind === ABSENT) addNull(out);
    else if (kind !== TEXT && kind !== ESCAPED && isNested(type)) return addLiteral(type, { start, end });
    else if (kind === NESTED || type.kind === 'json') addJson(out, start, end);
    else if (kind === TEXT) addRaw(out, start + 1, end - 1);
    else if (kind === ESCAPED) return addDecoded(out, start, end) ? undefined : NOT_A_TEXT;
    else if (kind === NUMBER) return (addNumber[index] as AddNumber)(out, start, end);
    else addRaw(out, start, end);
    return undefined;
  };

  return {
    read: readRow,

    readUpdate(data) {
      updating = true;
      const row = readRow(data);
      updating = false;
      return row;
    },

    readDeletion(data, shape) {
      deleting = true;
      return readAs(data, keysOnly, () => (shape === undefined ? shapes.whole : { outcome: 'row', shape }));
    },

    add(data, own, note) {
      const lineStart = out.used;
      out.data = data;
      reserve(out, mostBytes(data) + noteBytes);
      if (own !== '') addAscii(out, own);
      for (let position = 0; position < indexes.length; position++) {
        if (position > 0) addSeparator(out);
        const index = indexes[position] as number;
        if (deleting && !keys.has(index)) {
          addNull(out);
          continue;
        }
        if (index === noteIndex) {
          addAscii(out, note);
          continue;
        }
        const rejected = addValue(index);
        if (rejected !== undefined) {
          out.used = lineStart;
          return { ...rejected, column: (columns[index] as TableColumn).name };
        }
      }
      addLineEnd(out);
      return undefined;
    },

    waiting: () => out.used,
    take: () => takeBytes(out),
    giveBack: (taken) => giveBack(out, taken),
  };
}

/** A note has a shard's name, a position, a sequence and a source, of at most 200 characters each. */
const MOST_NOTE_BYTES = 1_000;

/** Numbers of other types keep their text. */
function numberAdderOf({ kind }: ValueType): AddNumber {
  return kind === 'int2' || kind === 'int4' || kind === 'int8' || kind === 'float8' ? numberAdder(kind) : addAsText;
}

const addAsText: AddNumber = (out, start, end) => {
  addRaw(out, start, end);
  return undefined;
};

const NO_FIELDS: RowRejection = {
  code: '22P02',
  message: 'the data is not an object: it has no fields',
  column: undefined,
};

function missing({ written }: Table, name: string): RowRejection {
  return { code: '23502', message: `null value in column "${name}" of relation "${written}"`, column: name };
}

interface Row {
  readonly outcome: 'row';
  readonly shape: Shape;
}

/** Keeps one object for all rows of a shape. */
function openShapes(
  columns: readonly TableColumn[],
  isPresent: (index: number) => boolean,
): { readonly whole: Row; current(): Row; partial(without: readonly number[]): Row } {
  const withDefault = columns.flatMap(({ hasDefault }, index) => (hasDefault ? [index] : []));
  const known = new Map<string, Row>();
  const rowWithout = (absent: readonly number[]): Row => {
    const indexes = columns.flatMap((_, index) => (absent.includes(index) ? [] : [index]));
    return { outcome: 'row', shape: { indexes, columns: indexes.map((index) => columns[index] as TableColumn) } };
  };
  const kept = (name: string, make: () => Row): Row => {
    const row = known.get(name) ?? make();
    known.set(name, row);
    return row;
  };
  const whole = rowWithout([]);
  return {
    whole,
    current() {
      if (withDefault.length === 0) return whole;
      const absent = withDefault.filter((index) => !isPresent(index));
      return kept(absent.join(), () => rowWithout(absent));
    },
    partial: (without) =>
      kept(`unchanged ${without.join()}`, () => {
        const { outcome, shape } = rowWithout(without);
        return { outcome, shape: { ...shape, isPartial: true } };
      }),
  };
}
