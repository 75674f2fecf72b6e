import { EventRejected } from '../../runtime/errors.ts';
import type { ReceivedEvent } from '../../runtime/event.ts';
import { ownField } from '../../runtime/json/event-fields.ts';
import { memberRanges, textOf } from '../../runtime/json/json-ranges.ts';
import { isTimestamp } from '../../runtime/json/timestamp.ts';

/** What the sink's options say of it. */
export interface Partitioning {
  readonly by: 'month' | 'day' | 'hour';
  readonly fields: readonly string[];
}

/** The folder of an event's partition: `year=2026/month=11/day=05/region=EU`. Throws `EventRejected`. */
export function partitionOf(event: ReceivedEvent, { by, fields }: Partitioning): string {
  let folder = timePartition(event.time, by);
  for (const field of fields) folder += `/${escapeHive(field)}=${fieldValue(event, field)}`;
  return folder;
}

/**
 * What is wrong with the names of the partitions: two columns of a table cannot have one name, whatever its capitals.
 */
export function problemsOfNames({ prefix, by, fields }: Partitioning & { readonly prefix: string }) {
  const problems: { path: (string | number)[]; message: string }[] = [];
  const taken = new Set<string>(TIME_COLUMNS.slice(0, TIME_COLUMNS.indexOf(by) + 1));
  for (const [index, field] of fields.entries()) {
    const name = field.toLowerCase();
    if (taken.has(name)) problems.push({ path: ['fields', index], message: `there is a partition '${name}' already` });
    if (!field.isWellFormed()) problems.push({ path: ['fields', index], message: 'is not well-formed Unicode' });
    taken.add(name);
  }
  const length = Buffer.byteLength([prefix, ...fields.map((field) => `${escapeHive(field)}=${NO_VALUE}`)].join('/'));
  if (length > LONGEST_NAMES)
    problems.push({
      path: ['prefix'],
      message: `together with the names of the fields it has ${length} bytes, ${LONGEST_NAMES} are allowed`,
    });
  return problems;
}

const TIME_COLUMNS = ['year', 'month', 'day', 'hour'] as const;

/** Of the 1,024 bytes that a key may have: the rest is for values and for the file's name. */
export const LONGEST_NAMES = 512;

/** What Hive, Spark and Athena read as null. */
const NO_VALUE = '__HIVE_DEFAULT_PARTITION__';

function timePartition(time: string, by: Partitioning['by']): string {
  if (!isTimestamp(time)) throw refused(`time: ${JSON.stringify(time.slice(0, 64))} is no RFC 3339 time`);
  const utc = time.endsWith('Z') ? time : new Date(time).toISOString();
  // In UTC it may be in the year before 0000 or after 9999, which have a sign.
  if (utc.startsWith('-') || utc.startsWith('+')) throw refused(`time: ${time} is in no year from 0000 to 9999 in UTC`);
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
      if (!value.isWellFormed()) throw refused(`${field}: is not well-formed Unicode, so it names no partition`);
      return escapeHive(value);
    case 'number':
      return Math.abs(value) > Number.MAX_SAFE_INTEGER ? asItCame(event, field) : String(value);
    case 'boolean':
      return String(value);
    default:
      throw refused(`${field}: is an ${Array.isArray(value) ? 'array' : 'object'}, which names no partition`);
  }
}

/** Two large numbers may be one to JavaScript. */
function asItCame({ dataBytes }: ReceivedEvent, field: string): string {
  const range = memberRanges(dataBytes).get(field);
  return range === undefined ? NO_VALUE : textOf(dataBytes, range);
}

/** As Hive's `FileUtils.escapePathName` does, so that every reader of its partitions gets the value back. */
function escapeHive(text: string): string {
  return text.replace(
    ESCAPED,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`,
  );
}

const ESCAPED = /["#%'*/:=?\\{[\]^\p{Cc}]/gu;

function refused(message: string): EventRejected {
  return new EventRejected('refused', message);
}
