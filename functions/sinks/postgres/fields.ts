import {
  BACKSLASH,
  CLOSE_BRACE,
  COMMA,
  OPEN_BRACE,
  OPEN_BRACKET,
  QUOTE,
  SPACE,
} from '../../runtime/json/json-bytes.ts';
import { endOfNested, skipSpace } from '../../runtime/json/json-ranges.ts';

/**
 * Locates the fields of an event's data, by the column of the same name, without parsing any value. A field's name is
 * first compared with the name at the same position in the previous event. Data in the log is valid JSON in UTF-8, so
 * neither is checked again.
 *
 * Hot path: offsets live in arrays that are reused from event to event, so an event allocates no object.
 */
export interface Fields {
  /** Locates the fields of the next event's data. */
  read(data: Uint8Array): FieldsResult;
  /** The kind of value that the event has for the column with this index. */
  kindOf(column: number): ValueKind;
  /** Where the value starts. */
  startOf(column: number): number;
  /** Just after the value's last byte. */
  endOf(column: number): number;
}

export type FieldsResult =
  | { readonly outcome: 'row' }
  /** The data is not an object. */
  | { readonly outcome: 'no-row' }
  /** The data has a field without a column. */
  | { readonly outcome: 'unknown'; readonly field: string };

export type ValueKind =
  | typeof ABSENT
  | typeof NULL
  | typeof NUMBER
  | typeof WORD
  | typeof TEXT
  | typeof ESCAPED
  | typeof NESTED;

/** The event has no such field. */
export const ABSENT = 0;
export const NULL = 1;
export const NUMBER = 2;
/** `true` or `false`. */
export const WORD = 3;
/** A string without `\u`. */
export const TEXT = 4;
/** A string with `\u` in it. */
export const ESCAPED = 5;
/** An object or an array. */
export const NESTED = 6;

const ROW: FieldsResult = { outcome: 'row' };
const NO_ROW: FieldsResult = { outcome: 'no-row' };

export function openFields(columns: readonly string[]): Fields {
  const indexes = new Map(columns.map((name, index) => [name, index]));
  const expected = columns.map((name) => Buffer.from(`${JSON.stringify(name)}:`));
  const kinds = new Uint8Array(columns.length);
  const starts = new Uint32Array(columns.length);
  const ends = new Uint32Array(columns.length);
  /** The columns of the previous event's fields, in the order of the fields. */
  const order: number[] = [];

  /**
   * Finds where the value of the field whose name begins at `at` starts, and puts the field's column into `order`.
   * Returns -1 when the field has no column.
   */
  const startOfValue = (data: Uint8Array, at: number, fieldNumber: number): number => {
    const column = order[fieldNumber];
    const start = column === undefined ? -1 : skipExpected(data, at, expected[column] as Uint8Array);
    if (start >= 0) return skipSpace(data, start);
    const found = indexes.get(nameAt(data, at));
    if (found === undefined) return -1;
    order[fieldNumber] = found;
    return skipSpace(data, skipSpace(data, Math.abs(endOfString(data, at))) + 1);
  };

  return {
    read(data) {
      kinds.fill(ABSENT);
      let at = skipSpace(data, 0);
      if (data[at] !== OPEN_BRACE) return NO_ROW;
      at = skipSpace(data, at + 1);
      for (let fieldNumber = 0; data[at] !== CLOSE_BRACE; fieldNumber++) {
        const start = startOfValue(data, at, fieldNumber);
        if (start < 0) return { outcome: 'unknown', field: nameAt(data, at) };
        const kind = kindAt(data, start);
        const end = endOfValue(data, start, kind);
        const column = order[fieldNumber] as number;
        kinds[column] = end < 0 ? ESCAPED : kind;
        starts[column] = start;
        ends[column] = Math.abs(end);
        at = skipSpace(data, Math.abs(end));
        if (data[at] === COMMA) at = skipSpace(data, at + 1);
      }
      return ROW;
    },
    kindOf: (column) => kinds[column] as ValueKind,
    startOf: (column) => starts[column] as number,
    endOf: (column) => ends[column] as number,
  };
}

export function textAt(data: Uint8Array, start: number, end: number): string {
  return Buffer.from(data.buffer, data.byteOffset + start, end - start).toString('utf8');
}

function nameAt(data: Uint8Array, quote: number): string {
  return JSON.parse(textAt(data, quote, Math.abs(endOfString(data, quote)))) as string;
}

const LETTER_U = 0x75;

function kindAt(data: Uint8Array, at: number): ValueKind {
  switch (data[at]) {
    case QUOTE:
      return TEXT;
    case OPEN_BRACE:
    case OPEN_BRACKET:
      return NESTED;
    case 0x6e:
      return NULL;
    case 0x74:
    case 0x66:
      return WORD;
    default:
      return NUMBER;
  }
}

/** The offset just after the value; negative for a string with `\u` in it. */
function endOfValue(data: Uint8Array, start: number, kind: ValueKind): number {
  if (kind === TEXT) return endOfString(data, start);
  return kind === NESTED ? endOfNested(data, start) : endOfWord(data, start);
}

/** The offset just after the expected name and its colon; -1 when something else is there. */
function skipExpected(data: Uint8Array, at: number, expected: Uint8Array): number {
  for (let index = 0; index < expected.length; index++) {
    if (data[at + index] !== expected[index]) return -1;
  }
  return at + expected.length;
}

/** The offset just after the closing quote; negative when there is a `\u` before it. `start` is the opening quote. */
function endOfString(data: Uint8Array, start: number): number {
  let at = start + 1;
  let sign = 1;
  for (;;) {
    const byte = data[at];
    if (byte === QUOTE) return sign * (at + 1);
    if (byte === BACKSLASH) {
      if (data[at + 1] === LETTER_U) sign = -1;
      at += 2;
    } else at++;
  }
}

/** The offset just after a number, `true`, `false` or `null`. */
function endOfWord(data: Uint8Array, start: number): number {
  let at = start;
  for (;;) {
    const byte = data[at] as number;
    if (!(byte > SPACE) || byte === COMMA || byte === CLOSE_BRACE) return at;
    at++;
  }
}
