import { EventRejected } from '../../../runtime/errors.ts';
import type { ReceivedEvent } from '../../../runtime/event.ts';
import { OPEN_BRACE } from '../../../runtime/json/json-bytes.ts';
import { memberRanges, skipSpace } from '../../../runtime/json/json-ranges.ts';
import type { S3Options } from '../options.ts';
import { ATTRIBUTES } from './attributes.ts';
import type { ParquetColumn } from './column-types.ts';
import { exactValue } from './exact-value.ts';

/**
 * Makes a line of JSON of an event, with a member for each column: its number, and its value as `exactValue` writes it.
 * Throws `EventRejected` for an event with a value that the type of its column cannot hold.
 */
export function exactLine(event: ReceivedEvent, columns: readonly ParquetColumn[], lines: S3Options['lines']): string {
  const attributes = lines === 'event' ? ATTRIBUTES : [];
  const ofEvent = attributes.map(({ property }) => JSON.stringify(event[property] ?? null));
  const ofData = valuesOf(event, columns);
  return `{${[...ofEvent, ...ofData].map((value, index) => `"${index}":${value}`).join(',')}}`;
}

function valuesOf({ dataBytes }: ReceivedEvent, columns: readonly ParquetColumn[]): readonly string[] {
  const data = dataBytes.subarray(skipSpace(dataBytes, 0));
  // Null is the data of an event that only says what it is about, such as a deletion.
  const isObject = data[0] === OPEN_BRACE;
  const ranges = isObject ? memberRanges(data) : undefined;
  return columns.map(({ name, type, isWhole }) => {
    if (isWhole) return exactValue(type, data, name);
    if (ranges === undefined && data[0] !== LETTER_N) throw new EventRejected('refused', 'data: is not an object');
    const range = ranges?.get(name);
    return range === undefined ? 'null' : exactValue(type, data.subarray(range.start, range.end), name);
  });
}

/** Of JSON's values, only null begins with it. */
const LETTER_N = 0x6e;
