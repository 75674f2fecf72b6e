import { EventRejected } from '../../runtime/errors.ts';
import type { ReceivedEvent } from '../../runtime/event.ts';
import { ownField } from '../../runtime/json/event-fields.ts';
import { memberRanges, textOf } from '../../runtime/json/json-ranges.ts';
import { isTimestamp } from '../../runtime/json/timestamp.ts';

/** The options that decide an event's partition. */
export interface Partitioning {
  readonly by: 'month' | 'day' | 'hour';
  readonly fields: readonly string[];
}

/**
 * Returns a function that finds the folder of an event's partition: `year=2026/month=11/day=05/region=EU`. It throws
 * `EventRejected` when the event has no valid time, or a field holds an object or array.
 */
export function openPartitions({ by, fields }: Partitioning): (event: ReceivedEvent) => string {
  // Events come about in the order of their times: most are of the same day or hour as the one before.
  const length = by === 'hour' ? 'YYYY-MM-DDTHH'.length : 'YYYY-MM-DD'.length;
  let start = ' ';
  let known = '';
  return (event) => {
    const { time } = event;
    if (!(time.startsWith(start) && isPlainUtc(time))) {
      known = timePartition(time, by);
      start = time.endsWith('Z') ? time.slice(0, length) : ' ';
    }
    let folder = known;
    for (const field of fields) folder += `/${escapeHive(field)}=${fieldValue(event, field)}`;
    return folder;
  };
}

/**
 * Tells whether a text that begins with a day has the time of a day behind it, in UTC: `T10:00:00Z` or
 * `T10:00:00.123Z`. Every event is asked, and a regular expression takes several times as long.
 */
function isPlainUtc(time: string): boolean {
  const last = time.length - 1;
  return (
    time.charCodeAt(10) === T &&
    isNumberAt(time, 11, 23) &&
    time.charCodeAt(13) === COLON &&
    isNumberAt(time, 14, 59) &&
    time.charCodeAt(16) === COLON &&
    isNumberAt(time, 17, 59) &&
    time.charCodeAt(last) === Z &&
    (last === 19 || (last > 20 && time.charCodeAt(19) === POINT && areDigits(time, 20, last)))
  );
}

const [T, Z, COLON, POINT, ZERO, NINE] = [0x54, 0x5a, 0x3a, 0x2e, 0x30, 0x39];

/** Tells whether two digits make a number up to `most`. */
function isNumberAt(text: string, at: number, most: number): boolean {
  return areDigits(text, at, at + 2) && (text.charCodeAt(at) - ZERO) * 10 + text.charCodeAt(at + 1) - ZERO <= most;
}

function areDigits(text: string, from: number, to: number): boolean {
  for (let at = from; at < to; at++) {
    const code = text.charCodeAt(at);
    if (!(code >= ZERO && code <= NINE)) return false;
  }
  return true;
}

/**
 * Lists what is wrong with the partitions' names: two columns of a table cannot differ in upper and lower case alone.
 */
export function problemsOfNames({ prefix, by, fields }: Partitioning & { readonly prefix: string }) {
  const problems: { path: (string | number)[]; message: string }[] = [];
  const taken = new Set<string>(timeColumnsOf(by));
  for (const [index, field] of fields.entries()) {
    const name = field.toLowerCase();
    if (taken.has(name))
      problems.push({
        path: ['fields', index],
        message: `there is already a partition '${name}': leave one of them out`,
      });
    if (!field.isWellFormed()) problems.push({ path: ['fields', index], message: 'is not well-formed Unicode' });
    taken.add(name);
  }
  const length = Buffer.byteLength([prefix, ...fields.map((field) => `${escapeHive(field)}=${NO_VALUE}`)].join('/'));
  if (length > LONGEST_NAMES)
    problems.push({
      path: ['prefix'],
      message: `has ${length} bytes together with the names of the fields, and ${LONGEST_NAMES} are allowed: shorten them`,
    });
  return problems;
}

const TIME_COLUMNS = ['year', 'month', 'day', 'hour'] as const;

/** Returns the names of the partitions by time. */
export function timeColumnsOf(by: Partitioning['by']): readonly string[] {
  return TIME_COLUMNS.slice(0, TIME_COLUMNS.indexOf(by) + 1);
}

/** An object key has at most 1,024 bytes; the rest is for the fields' values and the file's name. */
export const LONGEST_NAMES = 512;

/** The value that Hive, Spark and Athena read as null. */
const NO_VALUE = '__HIVE_DEFAULT_PARTITION__';

function timePartition(time: string, by: Partitioning['by']): string {
  if (!isTimestamp(time)) throw rejected(`time: ${JSON.stringify(time.slice(0, 64))} is not an RFC 3339 time`);
  const utc = time.endsWith('Z') ? time : new Date(time).toISOString();
  // In UTC the year may be before 0000 or after 9999: then it has a sign.
  if (utc.startsWith('-') || utc.startsWith('+'))
    throw rejected(`time: ${time} is not in the years 0000 to 9999 in UTC`);
  const month = `year=${utc.slice(0, 4)}/month=${utc.slice(5, 7)}`;
  if (by === 'month') return month;
  const day = `${month}/day=${utc.slice(8, 10)}`;
  return by === 'day' ? day : `${day}/hour=${utc.slice(11, 13)}`;
}

function fieldValue(event: ReceivedEvent, field: string): string {
  const value = ownField(event.data, field);
  if (value === undefined || value === null || value === '') return NO_VALUE;
  switch (typeof value) {
    case 'string':
      if (!value.isWellFormed()) throw rejected(`${field}: is not well-formed Unicode, so it cannot name a partition`);
      return escapeHive(value);
    case 'number':
      return Math.abs(value) > Number.MAX_SAFE_INTEGER ? digitsOf(event, field) : String(value);
    case 'boolean':
      return String(value);
    default:
      throw rejected(`${field}: is an ${Array.isArray(value) ? 'array' : 'object'}, which cannot name a partition`);
  }
}

/** Takes a large number's digits from the event's bytes: JavaScript may round two different numbers to one. */
function digitsOf({ dataBytes }: ReceivedEvent, field: string): string {
  const range = memberRanges(dataBytes).get(field);
  return range === undefined ? NO_VALUE : textOf(dataBytes, range);
}

/** Escapes as Hive's `FileUtils.escapePathName` does, so that every reader of Hive partitions gets the value back. */
function escapeHive(text: string): string {
  return text.replace(
    ESCAPED,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`,
  );
}

const ESCAPED = /["#%'*/:=?\\{[\]^\p{Cc}]/gu;

function rejected(message: string): EventRejected {
  return new EventRejected('refused', message);
}
