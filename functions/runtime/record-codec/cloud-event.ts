import { EventRejected } from '../errors.ts';
import { keyFault } from '../event.ts';
import { isTimestamp } from '../json/timestamp.ts';

/** Where the values of a JSON object are in its buffer. */
export type Members = Map<string, { readonly start: number; readonly end: number }>;

/**
 * Whether it says that it is one: `specversion` "1.0", and texts as `id`, `source` and `type`. Other objects are
 * foreign data.
 */
export function isCloudEvent(buffer: Buffer, members: Members): boolean {
  return (
    memberValue(buffer, members, 'specversion') === '1.0' &&
    REQUIRED.every((name) => typeof memberValue(buffer, members, name) === 'string')
  );
}

/**
 * The attributes of what says that it is a CloudEvent. Throws `EventRejected` when one is not as CloudEvents or Kinesis
 * have it. `null` is as if it were not there (CloudEvents' JSON format, 2.2). What is not there is the caller's to
 * choose.
 *
 * `data_base64` is data as it came, a text: streams carry JSON, and a stream's schema knows which of its texts are
 * base64. Both it and `data` is an error, neither is `null`.
 */
export function readAttributes(buffer: Buffer, members: Members) {
  if (members.has('data') && members.has('data_base64')) throw refused(`it has both 'data' and 'data_base64'`);
  const text = (name: string) => textOf(buffer, members, name);
  const time = text('time');
  if (time !== undefined && !isTimestamp(time)) throw refused(`'time' is no RFC 3339 time: ${quoted(time)}`);
  const key = text('partitionkey');
  const fault = key === undefined ? undefined : keyFault(key);
  if (fault !== undefined) throw refused(`'partitionkey' ${fault.message}`);
  return {
    // They are there: `isCloudEvent` said so.
    id: text('id') as string,
    source: text('source') as string,
    type: text('type') as string,
    time,
    key,
    sequence: text('sequence'),
    traceparent: text('traceparent'),
    redrivenFor: text('redrivenfor'),
  };
}

const REQUIRED = ['id', 'source', 'type'];

/** A text of one character or more, or undefined. */
function textOf(buffer: Buffer, members: Members, name: string): string | undefined {
  const value = memberValue(buffer, members, name);
  if (value === undefined || value === null) return undefined;
  if (typeof value !== 'string') throw refused(`'${name}' is not a text but ${quoted(JSON.stringify(value))}`);
  if (value === '') throw refused(`'${name}' is empty`);
  // Half of a surrogate pair cannot be written as UTF-8, so it would become another text on its way.
  if (!value.isWellFormed()) throw refused(`'${name}' is not well-formed Unicode: ${quoted(value)}`);
  return value;
}

function memberValue(buffer: Buffer, members: Members, name: string): unknown {
  const span = members.get(name);
  return span && JSON.parse(buffer.toString('utf8', span.start, span.end));
}

function refused(what: string): EventRejected {
  return new EventRejected('undecodable', `CloudEvent: ${what}`);
}

const MAX_QUOTED = 64;

function quoted(value: string): string {
  return JSON.stringify(value.length > MAX_QUOTED ? `${value.slice(0, MAX_QUOTED)}…` : value);
}
