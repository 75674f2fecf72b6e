import { cutText } from '../../../runtime/cut-text.ts';
import { EventRejected } from '../../../runtime/errors.ts';
import { OPEN_BRACE, OPEN_BRACKET, QUOTE } from '../../../runtime/json/json-bytes.ts';
import { elementRanges, memberRanges, textOf } from '../../../runtime/json/json-ranges.ts';
import type { DecimalType, ParquetType } from './column-types.ts';
import { decimalDigits, wholeNumber } from './exact-numbers.ts';
import { isDay, isMoment } from './exact-times.ts';

/**
 * Makes of a JSON value what DuckDB reads as exactly this value of the type: JSON whose scalars are texts, all of which
 * its casts accept. Throws `EventRejected`, with the field and the value, for a value that the type cannot hold.
 */
export function exactValue(type: ParquetType, json: Uint8Array, path: string): string {
  if (isNull(json)) return 'null';
  switch (type.kind) {
    case 'list':
      return listOf(type.element, json, path);
    case 'struct':
      return structOf(type.fields, json, path);
    case 'json':
      return JSON.stringify(wholeText(json));
    case 'text':
      return textOrJson(json, path);
    default:
      return JSON.stringify(scalarOf(type, json, path));
  }
}

function listOf(element: ParquetType, json: Uint8Array, path: string): string {
  if (json[0] !== OPEN_BRACKET) throw unfit(json, path, 'a list');
  const elements = elementRanges(json).map(({ start, end }, index) =>
    exactValue(element, json.subarray(start, end), `${path}[${index}]`),
  );
  return `[${elements.join(',')}]`;
}

function structOf(
  fields: readonly { readonly name: string; readonly type: ParquetType }[],
  json: Uint8Array,
  path: string,
): string {
  if (json[0] !== OPEN_BRACE) throw unfit(json, path, 'an object');
  const ranges = memberRanges(json);
  const members = fields.flatMap(({ name, type }) => {
    const range = ranges.get(name);
    if (range === undefined) return [];
    const value = exactValue(type, json.subarray(range.start, range.end), `${path}.${name}`);
    return [`${JSON.stringify(name)}:${value}`];
  });
  return `{${members.join(',')}}`;
}

/** Keeps a text as it is written. Any other value becomes the text of its JSON, which DuckDB writes. */
function textOrJson(json: Uint8Array, path: string): string {
  const text = wholeText(json);
  if (text.includes('\\u') && !isWellFormed(JSON.parse(text))) throw unfit(json, path, 'well-formed Unicode');
  return text;
}

function isWellFormed(value: unknown): boolean {
  if (typeof value === 'string') return value.isWellFormed();
  if (value === null || typeof value !== 'object') return true;
  return Object.entries(value).every(([name, member]) => name.isWellFormed() && isWellFormed(member));
}

function scalarOf(type: Exclude<ParquetType, { kind: 'list' | 'struct' }>, json: Uint8Array, path: string): string {
  const written = wholeText(json);
  // DuckDB reads -0 as the whole number 0.
  const text = json[0] === QUOTE ? (JSON.parse(written) as string) : written === '-0' ? '0' : written;
  const found = isNested(json) ? undefined : readAs(type, text);
  if (found === undefined) throw unfit(json, path, NAMES[type.kind] ?? decimalName(type as DecimalType));
  return found;
}

/** Returns the value as DuckDB casts it to the type. Undefined: the type cannot hold it. */
function readAs(type: Exclude<ParquetType, { kind: 'list' | 'struct' }>, text: string): string | undefined {
  switch (type.kind) {
    case 'boolean':
      return text === 'true' || text === 'false' ? text : undefined;
    case 'integer':
      return wholeNumber(text, 32);
    case 'bigint':
      return wholeNumber(text, 64);
    case 'double':
      return NUMBER.test(text) && Number.isFinite(Number(text)) ? text : undefined;
    case 'decimal':
      return NUMBER.test(text) ? decimalDigits(text, type) : undefined;
    case 'date':
      return isDay(text) ? text : undefined;
    case 'timestamp':
      return isMoment(text, 'local') ? text : undefined;
    case 'timestamptz':
      return isMoment(text, 'zoned') ? text : undefined;
    default:
      return text;
  }
}

const NUMBER = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/;

const NAMES: Partial<Record<ParquetType['kind'], string>> = {
  boolean: 'true or false',
  integer: 'a whole number of 32 bits',
  bigint: 'a whole number of 64 bits',
  double: 'a number that a double holds',
  date: 'a date such as 2026-01-31',
  timestamp: 'a time without a zone such as 2026-01-31T10:00:00',
  timestamptz: 'an RFC 3339 time such as 2026-01-31T10:00:00Z',
};

function decimalName({ precision, scale }: DecimalType): string {
  return `a number of numeric(${precision}, ${scale})`;
}

function isNull(json: Uint8Array): boolean {
  return json.length === 4 && json[0] === LETTER_N;
}

const LETTER_N = 0x6e;

function isNested(json: Uint8Array): boolean {
  return json[0] === OPEN_BRACE || json[0] === OPEN_BRACKET;
}

function wholeText(json: Uint8Array): string {
  return textOf(json, { start: 0, end: json.length });
}

function unfit(json: Uint8Array, path: string, what: string): EventRejected {
  return new EventRejected('refused', `${path}: ${cutText(wholeText(json), LONGEST_VALUE)} is not ${what}`);
}

const LONGEST_VALUE = 64;
