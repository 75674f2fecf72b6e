import { cutText } from '../cut-text.ts';
import { EventRejected } from '../errors.ts';
import { keyFault, SCHEMA_OF } from '../event.ts';
import { isTimestamp } from '../json/timestamp.ts';

/** The ranges of a JSON object's values in its buffer. */
export type Members = Map<string, { readonly start: number; readonly end: number }>;

/**
 * Returns true when an object claims to be a CloudEvent: its `specversion` is "1.0", and its `id`, `source` and `type`
 * are texts. Other objects are data of other producers.
 */
export function isCloudEvent(buffer: Buffer, members: Members): boolean {
  return (
    memberValue(buffer, members, 'specversion') === '1.0' &&
    REQUIRED.every((name) => typeof memberValue(buffer, members, name) === 'string')
  );
}

/**
 * Reads the attributes of an object that claims to be a CloudEvent. Throws `EventRejected` when one of them breaks the
 * rules of CloudEvents or of Kinesis. An attribute that is `null` counts as missing (CloudEvents' JSON format, 2.2).
 * The caller chooses a value for missing ones.
 *
 * `data_base64` is read as data as it came, a text: streams carry JSON, and only a stream's schema shows which texts
 * are base64. Both `data` and `data_base64` is an error. Neither of them means `null`.
 */
export function readAttributes(buffer: Buffer, members: Members) {
  if (members.has('data') && members.has('data_base64')) throw undecodable(`it has both 'data' and 'data_base64'`);
  const text = (name: string) => textOf(buffer, members, name);
  // Another producer may have an attribute of this name for something else.
  const extension = (name: string): string | undefined => {
    const value = memberValue(buffer, members, name);
    return typeof value === 'string' && value !== '' && value.isWellFormed() ? value : undefined;
  };
  const time = text('time');
  if (time !== undefined && !isTimestamp(time)) throw undecodable(`'time' is no RFC 3339 time: ${quoted(time)}`);
  const key = text('partitionkey');
  const fault = key === undefined ? undefined : keyFault(key);
  if (fault !== undefined) throw undecodable(`'partitionkey' ${fault.message}`);
  return {
    // `isCloudEvent` has found these.
    id: text('id') as string,
    source: text('source') as string,
    type: text('type') as string,
    time,
    key,
    sequence: text('sequence'),
    traceparent: text('traceparent'),
    dataSchema: dataSchemaOf(buffer, members),
    xid: extension('xid'),
    commitLsn: extension('commitlsn'),
    aim: extension('aim'),
    redrivenFor: text('redrivenfor'),
    lateAt: text('lateat'),
    redrivenFrom: text('redrivenfrom'),
  };
}

const REQUIRED = ['id', 'source', 'type'];

/** Reads a text of one character or more. Undefined when it is missing or null. */
function textOf(buffer: Buffer, members: Members, name: string): string | undefined {
  const value = memberValue(buffer, members, name);
  if (value === undefined || value === null) return undefined;
  if (typeof value !== 'string') throw undecodable(`'${name}' is not a text but ${quoted(JSON.stringify(value))}`);
  if (value === '') throw undecodable(`'${name}' is empty`);
  // UTF-8 cannot encode half of a surrogate pair, so the text would change on its way.
  if (!value.isWellFormed()) throw undecodable(`'${name}' is not well-formed Unicode: ${quoted(value)}`);
  return value;
}

/** Other producers' schemas mean nothing here, whatever they look like. */
function dataSchemaOf(buffer: Buffer, members: Members): string | undefined {
  const value = memberValue(buffer, members, 'dataschema');
  return typeof value === 'string' && value.startsWith(SCHEMA_OF) ? value : undefined;
}

function memberValue(buffer: Buffer, members: Members, name: string): unknown {
  const span = members.get(name);
  return span && JSON.parse(buffer.toString('utf8', span.start, span.end));
}

function undecodable(what: string): EventRejected {
  return new EventRejected('undecodable', `CloudEvent: ${what}`);
}

const MAX_QUOTED = 64;

function quoted(value: string): string {
  return JSON.stringify(cutText(value, MAX_QUOTED));
}
