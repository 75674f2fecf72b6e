import { BACKSLASH, OPEN_BRACE, OPEN_BRACKET, QUOTE } from '../../runtime/json/json-bytes.ts';
import { elementRanges, type JsonRange, memberRanges, textOf } from '../../runtime/json/json-ranges.ts';
import { numberText } from './numbers.ts';
import { NOT_A_TEXT, type ValueFault } from './row-rejection.ts';
import { type CompositeType, isNested, type ListType, type ValueType } from './value-types.ts';

/**
 * Returns the text that Postgres reads as the list or the composite value that `json_populate_record` would make of the
 * JSON at a range, or the reason why there is none. Postgres itself decides about the values inside.
 */
export function literalOf(type: ListType | CompositeType, json: Uint8Array, range: JsonRange): string | ValueFault {
  try {
    return inside(type, json.subarray(range.start, range.end));
  } catch (error) {
    if (error instanceof Unfit) return error.fault;
    throw error;
  }
}

/** Leaves the recursion over a value's parts. */
class Unfit extends Error {
  readonly fault: ValueFault;

  constructor(fault: ValueFault) {
    super(fault.message);
    this.fault = fault;
  }
}

function inside(type: ListType | CompositeType, json: Uint8Array): string {
  const literal = type.kind === 'list' ? list(type, json) : composite(type, json);
  if (literal.length > LONGEST) throw new Unfit(TOO_LARGE);
  return literal;
}

/** Each level of nesting doubles the quotes of the levels below, so few bytes of JSON can become many. */
const LONGEST = 32 * 1024 * 1024;
const TOO_LARGE = { code: '54000', message: 'the list or composite value would take more than 32 MiB' };

/** Returns the text of one value, before it is quoted; null is SQL's null. */
function value(type: ValueType, json: Uint8Array): string | null {
  if (json[0] === LETTER_N) return null;
  if (json[0] === QUOTE) return type.kind === 'json' ? textOf(json, whole(json)) : decoded(json);
  if (isNested(type)) return inside(type, json);
  const text = textOf(json, whole(json));
  if (type.kind === 'json' || type.kind === 'text' || !isNumber(json)) return text;
  const number = numberText(type.kind, text);
  if (typeof number === 'string') return number;
  throw new Unfit(number);
}

function decoded(json: Uint8Array): string {
  const text = JSON.parse(textOf(json, whole(json))) as string;
  if (text.includes('\0') || !text.isWellFormed()) throw new Unfit(NOT_A_TEXT);
  return text;
}

function composite({ fields }: CompositeType, json: Uint8Array): string {
  if (json[0] !== OPEN_BRACE) throw new Unfit(NO_OBJECT);
  const members = memberRanges(json);
  const values = fields.map(({ name, type }) => {
    const range = members.get(name);
    const text = range === undefined ? null : value(type, json.subarray(range.start, range.end));
    return text === null ? '' : quoted(text, doubled);
  });
  return `(${values.join(',')})`;
}

function list(type: ListType, json: Uint8Array): string {
  if (json[0] !== OPEN_BRACKET) throw new Unfit(NO_ARRAY);
  const dimensions = dimensionsOf(json);
  const sizes: number[] = [];
  const literal = level(type, json, { depth: 1, dimensions, sizes });
  // Postgres has one empty array, without dimensions.
  return sizes.includes(0) ? '{}' : literal;
}

/**
 * Counts the dimensions of an array as Postgres does: down to the first value that is no array, or to the first array
 * that is empty. An array that is deeper elsewhere has JSON for its elements there.
 */
function dimensionsOf(json: Uint8Array): number {
  let first = json;
  for (let dimensions = 1; dimensions <= MOST_DIMENSIONS; dimensions++) {
    const [range] = elementRanges(first);
    if (range === undefined || first[range.start] !== OPEN_BRACKET) return dimensions;
    first = first.subarray(range.start, range.end);
  }
  throw new Unfit({
    code: '54000',
    message: `number of array dimensions exceeds the maximum allowed (${MOST_DIMENSIONS})`,
  });
}

const MOST_DIMENSIONS = 6;

interface Level {
  readonly depth: number;
  readonly dimensions: number;
  /** The length of the arrays at each depth, as far as they are known. */
  readonly sizes: number[];
}

function level(type: ListType, json: Uint8Array, { depth, dimensions, sizes }: Level): string {
  if (json[0] !== OPEN_BRACKET) throw new Unfit(NO_ARRAY);
  const ranges = elementRanges(json);
  sizes[depth - 1] ??= ranges.length;
  if (sizes[depth - 1] !== ranges.length) throw new Unfit(UNEVEN);
  const elements = ranges.map(({ start, end }) => {
    const element = json.subarray(start, end);
    if (depth < dimensions) return level(type, element, { depth: depth + 1, dimensions, sizes });
    const text = value(type.element, element);
    return text === null ? 'NULL' : quoted(text, afterBackslash);
  });
  return `{${elements.join(type.delimiter)}}`;
}

/** What stands before a quote or a backslash in a quoted part of a literal. */
const doubled = (byte: number): number => byte;
const afterBackslash = (): number => BACKSLASH;

/** Quotes a part of a literal. Works on bytes: `replace` takes seconds where a sender wrote millions of quotes. */
function quoted(text: string, before: (byte: number) => number): string {
  if (!/["\\]/.test(text)) return `"${text}"`;
  const bytes = Buffer.from(text);
  const out = Buffer.allocUnsafe(2 * bytes.length);
  let used = 0;
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at] as number;
    if (byte === QUOTE || byte === BACKSLASH) out[used++] = before(byte);
    out[used++] = byte;
  }
  return `"${out.toString('utf8', 0, used)}"`;
}

const NO_ARRAY = { code: '22P02', message: 'expected JSON array' };
const NO_OBJECT = { code: '22023', message: 'expected JSON object' };
const UNEVEN = {
  code: '22P02',
  message: 'malformed JSON array: arrays inside of an array must have the same length',
};

const LETTER_N = 0x6e;
const MINUS = 0x2d;

function isNumber(json: Uint8Array): boolean {
  const first = json[0] as number;
  return first === MINUS || (first >= 0x30 && first <= 0x39);
}

const whole = (json: Uint8Array): JsonRange => ({ start: 0, end: json.length });
