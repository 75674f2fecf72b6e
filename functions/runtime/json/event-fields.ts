import { z } from 'zod';
import { EventRejected } from '../errors.ts';
import { keyFault } from '../event.ts';
import { memberRanges, textOf } from './json-ranges.ts';

/** An event's data, parsed and as JSON. A number too large for a double is read from its digits. */
export interface Data {
  readonly value: unknown;
  readonly bytes: Uint8Array;
}

/**
 * Returns the key in a field of the data: a text as it is, a number as it is written. Undefined when the field is
 * missing, null or an empty text. Throws `EventRejected` for a value that cannot be a key.
 */
export function keyFrom(data: Data, field: string): string | undefined {
  const value = ownField(data.value, field);
  if (value === undefined || value === null || value === '') return undefined;
  if (typeof value === 'number') return Number.isSafeInteger(value) ? String(value) : digitsOf(data, field);
  if (typeof value !== 'string')
    throw new EventRejected('schema', `${field}: the event's key must be a text or a number`);
  return checkedKey(value, field);
}

/**
 * Returns a text as a key. Throws `EventRejected` when no event can have it as its key. `name` says where the text is
 * from.
 */
export function checkedKey(text: string, name: string): string {
  const fault = keyFault(text);
  if (fault !== undefined) throw new EventRejected('schema', `${name}: the event's key ${fault.message}`);
  return text;
}

/** Returns the time in a field of the data. Throws `EventRejected` when the field contains no time. */
export function timeFrom(data: Data, field: string): string {
  const value = ownField(data.value, field);
  const time = typeof value === 'string' ? rfc3339(value) : undefined;
  if (time !== undefined) return time;
  throw new EventRejected(
    'schema',
    `${field}: the event's time must be an RFC 3339 time or date, such as 2024-02-29T10:00:00Z`,
  );
}

/** Converts a time or a date to RFC 3339. Without a zone, it is UTC. Undefined for any other text. */
export function rfc3339(text: string): string | undefined {
  const upper = text.trim().toUpperCase();
  if (DAY.safeParse(upper).success) return `${upper}T00:00:00Z`;
  const time = upper.replace(/^(\d{4}-\d\d-\d\d) /, '$1T');
  if (!TIME.safeParse(time).success) return undefined;
  return /(?:Z|[+-]\d\d:\d\d)$/.test(time) ? withSeconds(time) : withSeconds(`${time}Z`);
}

const DAY = z.iso.date();
const TIME = z.iso.datetime({ offset: true, local: true });

/** Adds seconds: ISO 8601 has times without them, RFC 3339 has not. */
function withSeconds(time: string): string {
  return time.replace(/(T\d\d:\d\d)(Z|[+-])/, '$1:00$2');
}

/** Returns a field of data that is a JSON object. Neither inherited properties nor properties of an array count. */
export function ownField(data: unknown, field: string): unknown {
  if (typeof data !== 'object' || data === null || Array.isArray(data) || !Object.hasOwn(data, field)) return undefined;
  return (data as Record<string, unknown>)[field];
}

/** Returns the digits of a number as they were written. As doubles, two large numbers could become one key. */
function digitsOf({ bytes }: Data, field: string): string {
  const range = memberRanges(bytes).get(field);
  if (range === undefined) throw new Error(`the field '${field}' was parsed but is not in the data's JSON`);
  return checkedKey(textOf(bytes, range), field);
}
