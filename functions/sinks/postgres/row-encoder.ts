import {
  addAscii,
  addDecoded,
  addJson,
  addLineEnd,
  addNull,
  addRaw,
  addSeparator,
  emptyCopyText,
  giveBack,
  reserve,
  takeBytes,
} from './copy-text.ts';
import { ABSENT, ESCAPED, NESTED, NULL, NUMBER, openFields, TEXT } from './fields.ts';
import { type AddNumber, numberAdder } from './numbers.ts';
import type { Refusal } from './refusal.ts';
import type { Table, TableColumn } from './table.ts';

/**
 * Turns events' data into lines of COPY's text format, from bytes to bytes, so that numbers keep their digits. Each
 * value becomes what Postgres's own `json_populate_record` would make of it. What no text can bring into the column is
 * refused here, so that it cannot spoil a batch; the rest is left to Postgres, the authority.
 */
export interface RowEncoder {
  /** Looks at an event's data, and decides which columns its row has. */
  read(data: Uint8Array): RowReading;
  /** Adds the row that was read last; with its ordinal in front when there is one. Undefined: it is added. */
  add(data: Uint8Array, ordinal: number | undefined): Refusal | undefined;
  /** How many bytes wait to be taken. */
  waiting(): number;
  /** The lines added since the last call. */
  take(): Uint8Array;
  /** Takes back what it handed out, to write into it again. */
  giveBack(taken: Uint8Array): void;
}

export type RowReading =
  | Row
  | { readonly outcome: 'refused'; readonly refusal: Refusal }
  | { readonly outcome: 'unknown'; readonly field: string };

/**
 * The columns that a row has: all but those that have a default and no field in the event. Equal shapes are one object.
 */
export interface Shape {
  readonly columns: readonly TableColumn[];
  /** The columns' indexes among the table's. */
  readonly places: readonly number[];
}

export function openRowEncoder(table: Table, key: readonly string[]): RowEncoder {
  const { columns } = table;
  const fields = openFields(columns.map(({ name }) => name));
  const out = emptyCopyText();
  const shapes = openShapes(columns, (index) => fields.kindOf(index) !== ABSENT);
  const required = columns.flatMap(({ name, notNull, hasDefault }, index) => {
    const isKey = key.includes(name);
    return notNull || isKey ? [{ name, index, hasDefault: hasDefault && !isKey }] : [];
  });
  const addNumber = columns.map(({ kind }) => (kind === 'text' || kind === 'json' ? addAsText : numberAdder(kind)));
  let places: readonly number[] = [];

  /** Adds one value. A refusal: nothing was added. */
  const addValue = (index: number): Omit<Refusal, 'column'> | undefined => {
    const kind = fields.kindOf(index);
    const start = fields.startOf(index);
    const end = fields.endOf(index);
    const { kind: columnKind } = columns[index] as TableColumn;
    if (kind === NULL || kind === ABSENT) addNull(out);
    else if (kind === NESTED || columnKind === 'json') addJson(out, start, end);
    else if (kind === TEXT) addRaw(out, start + 1, end - 1);
    else if (kind === ESCAPED) return addDecoded(out, start, end) ? undefined : NOT_A_TEXT;
    else if (kind === NUMBER) return (addNumber[index] as AddNumber)(out, start, end);
    else addRaw(out, start, end);
    return undefined;
  };

  return {
    read(data) {
      const reading = fields.read(data);
      if (reading.outcome === 'unknown') return reading;
      if (reading.outcome === 'no-row') return { outcome: 'refused', refusal: NO_FIELDS };
      for (const { name, index, hasDefault } of required) {
        const kind = fields.kindOf(index);
        if (kind === NULL || (kind === ABSENT && !hasDefault))
          return { outcome: 'refused', refusal: missing(table, name) };
      }
      const row = shapes.current();
      places = row.shape.places;
      return row;
    },

    add(data, ordinal) {
      const lineStart = out.used;
      out.data = data;
      // Nothing grows to more than twice its length: a backslash for each byte.
      reserve(out, 2 * data.length + 3 * columns.length + 16);
      if (ordinal !== undefined) addAscii(out, `${ordinal}\t`);
      for (let place = 0; place < places.length; place++) {
        if (place > 0) addSeparator(out);
        const index = places[place] as number;
        const refused = addValue(index);
        if (refused !== undefined) {
          out.used = lineStart;
          return { ...refused, column: (columns[index] as TableColumn).name };
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

const addAsText: AddNumber = (out, start, end) => {
  addRaw(out, start, end);
  return undefined;
};

const NO_FIELDS: Refusal = { code: '22P02', message: 'the data is not an object: it has no fields', column: undefined };
const NOT_A_TEXT = {
  code: '22021',
  message: 'a text of Postgres holds neither the character 0 nor half a surrogate pair',
};

function missing({ written }: Table, name: string): Refusal {
  return { code: '23502', message: `null value in column "${name}" of relation "${written}"`, column: name };
}

interface Row {
  readonly outcome: 'row';
  readonly shape: Shape;
}

/** One object for all rows of a shape. */
function openShapes(columns: readonly TableColumn[], isPresent: (index: number) => boolean): { current(): Row } {
  const withDefault = columns.flatMap(({ hasDefault }, index) => (hasDefault ? [index] : []));
  const known = new Map<string, Row>();
  const rowWithout = (absent: readonly number[]): Row => {
    const places = columns.flatMap((_, index) => (absent.includes(index) ? [] : [index]));
    return { outcome: 'row', shape: { places, columns: places.map((index) => columns[index] as TableColumn) } };
  };
  const whole = rowWithout([]);
  return {
    current() {
      if (withDefault.length === 0) return whole;
      const absent = withDefault.filter((index) => !isPresent(index));
      const name = absent.join();
      const row = known.get(name) ?? rowWithout(absent);
      known.set(name, row);
      return row;
    },
  };
}
