import { EventRefused } from '../../runtime/errors.ts';
import type { ReceivedEvent } from '../../runtime/event.ts';
import { memberRanges, textOf } from '../../runtime/json-ranges.ts';
import { isTimestamp } from '../../runtime/timestamp.ts';

export interface Partitioning {
  readonly by?: 'month' | 'day' | 'hour' | undefined;
  readonly fields: readonly string[];
}

/**
 * The path of an event's partition: `year=2026/month=11/region=East`, empty without partitions. Throws `EventRefused` for an event that
 * belongs into none, or whose path has more bytes than there is room for.
 */
export function openPartitioner(
  { by, fields }: Partitioning,
  longestPathBytes: number,
): (event: ReceivedEvent) => string {
  const timePath = by === undefined ? undefined : openTimePaths(by);
  return (event) => {
    const parts = timePath === undefined ? [] : [timePath(event.time)];
    if (fields.length > 0) parts.push(...fieldParts(event, fields));
    const path = parts.join('/');
    if (Buffer.byteLength(path) > longestPathBytes)
      throw new EventRefused(
        'refused',
        `the partition of ${fields.join(', ')} has a longer name than S3 takes: shorten the values`,
      );
    return path;
  };
}

const TIME_PARTS = { month: 2, day: 3, hour: 4 } as const;

/** Consecutive events mostly fall into the same hour. */
function openTimePaths(by: keyof typeof TIME_PARTS): (time: string) => string {
  let known = { hour: '', path: '' };
  return (time) => {
    if (!isTimestamp(time))
      throw new EventRefused('refused', 'the time is not one of RFC 3339, such as 2026-11-22T10:00:00Z');
    const utc = time.endsWith('Z') ? time : new Date(time).toISOString();
    const hour = utc.slice(0, utc.indexOf(':'));
    if (hour !== known.hour) known = { hour, path: pathOf(hour, TIME_PARTS[by]) };
    return known.path;
  };
}

/** `hour`: `2026-11-22T10`. */
function pathOf(hour: string, count: number): string {
  const numbers = hour.split(/[-T]/);
  return ['year', 'month', 'day', 'hour']
    .slice(0, count)
    .map((name, index) => `${name}=${numbers[index]}`)
    .join('/');
}

/** What Hive writes for a value that is missing, null or an empty text. */
const NO_VALUE = '__HIVE_DEFAULT_PARTITION__';

function fieldParts(event: ReceivedEvent, fields: readonly string[]): readonly string[] {
  const { data } = event;
  if (typeof data !== 'object' || data === null || Array.isArray(data))
    throw new EventRefused(
      'refused',
      `the data is not an object, so it has no ${fields.join(', ')} to be partitioned by`,
    );
  return fields.map((field) => {
    const value = Object.hasOwn(data, field) ? (data as Record<string, unknown>)[field] : undefined;
    return `${escapePart(field)}=${escapePart(partitionValue(event, field, value))}`;
  });
}

function partitionValue({ dataBytes }: ReceivedEvent, field: string, value: unknown): string {
  switch (typeof value) {
    case 'string':
      if (!value.isWellFormed())
        throw new EventRefused('refused', `${field}: half a surrogate pair cannot stand in the name of a partition`);
      return value === '' ? NO_VALUE : value;
    case 'boolean':
      return String(value);
    case 'number':
      // Two large numbers that differ must not share a partition.
      return Number.isInteger(value) && !Number.isSafeInteger(value) ? digitsOf(dataBytes, field) : String(value);
    default:
      if (value === null || value === undefined) return NO_VALUE;
      throw new EventRefused(
        'refused',
        `${field}: an object or array cannot name a partition: use a text, a number or a boolean`,
      );
  }
}

function digitsOf(data: Uint8Array, field: string): string {
  const range = memberRanges(data).get(field);
  if (range === undefined) throw new Error(`the field '${field}' was parsed but is not in the data's JSON`);
  return textOf(data, range);
}

/** As Hive does: the characters that mean something in paths and names, by their codes (FileUtils.escapePathName). */
function escapePart(text: string): string {
  return text.replace(/[\p{Cc}"#%'*/:=?\\{[\]^]/gu, (character) => {
    const code = character.charCodeAt(0);
    return code > 0x7f ? character : `%${code.toString(16).toUpperCase().padStart(2, '0')}`;
  });
}
