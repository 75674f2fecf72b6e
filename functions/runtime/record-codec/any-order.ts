import { EventRejected } from '../errors.ts';
import { BACKSLASH, CLOSE_BRACE, COMMA, hasUtf8Mark, OPEN_BRACE, QUOTE, UTF8_MARK } from '../json/json-bytes.ts';
import { isCloudEvent, type Members, readAttributes } from './cloud-event.ts';
import type { EventLayout, RecordFacts } from './event-view.ts';
import { failureText, skipColon, skipString, skipValue, skipWhitespace, unexpectedAt } from './json-scan.ts';
import type { EventBytes } from './record.ts';

/** The type of events that are no CloudEvents. */
const FOREIGN_TYPE = 'record.received';

/**
 * Reads any JSON: a CloudEvent with its attributes in any order and form, or any other value, which is the data of an
 * event. Throws `EventRejected` for bytes that are not JSON, and for a CloudEvent with an invalid attribute.
 */
export function readAnyOrder(event: EventBytes, record: RecordFacts, index: number): EventLayout {
  // A buffer of its own keeps the reader from reading past the event.
  const buffer = event.buffer.subarray(event.start, event.end);
  const { members, start, end } = readJson(buffer);
  if (members && isCloudEvent(buffer, members)) {
    const attributes = readAttributes(buffer, members);
    const data = members.get('data') ?? members.get('data_base64') ?? { start: 0, end: 0 };
    return {
      ...attributes,
      time: attributes.time ?? record.arrivalTime,
      key: attributes.key ?? event.partitionKey,
      buffer,
      start,
      end,
      dataStart: data.start,
      dataEnd: data.end,
    };
  }
  return {
    id: record.positionAt(index),
    source: record.source,
    type: FOREIGN_TYPE,
    time: record.arrivalTime,
    key: event.partitionKey,
    sequence: undefined,
    traceparent: undefined,
    xid: undefined,
    commitLsn: undefined,
    buffer,
    start,
    end,
    dataStart: start,
    dataEnd: end,
  };
}

/**
 * Finds the one value of the buffer, without the white space around it, and the members of that value when it is an
 * object.
 */
function readJson(buffer: Buffer): { members: Members | undefined; start: number; end: number } {
  const start = skipWhitespace(buffer, hasUtf8Mark(buffer) ? UTF8_MARK.length : 0);
  const members = buffer[start] === OPEN_BRACE ? new Map() : undefined;
  const end = members ? readMembers(buffer, start, members) : skipValue(buffer, start, 0);
  const rest = end < 0 ? end : skipWhitespace(buffer, end);
  if (rest !== buffer.length) {
    throw new EventRejected('undecodable', failureText(rest < 0 ? rest : unexpectedAt(rest), buffer.length));
  }
  return { members, start, end };
}

/**
 * Fills in the range of each member's value. The last of equal keys counts, as in JSON.parse. Returns what the
 * scanner's functions return.
 */
function readMembers(buffer: Buffer, offset: number, members: Members): number {
  let at = skipWhitespace(buffer, offset + 1);
  if (buffer[at] === CLOSE_BRACE) return at + 1;
  for (;;) {
    if (buffer[at] !== QUOTE) return unexpectedAt(at);
    const keyEnd = skipString(buffer, at);
    if (keyEnd < 0) return keyEnd;
    const start = skipColon(buffer, keyEnd);
    if (start < 0) return start;
    const end = skipValue(buffer, start, 0);
    if (end < 0) return end;
    members.set(keyText(buffer, at, keyEnd), { start, end });
    at = skipWhitespace(buffer, end);
    if (buffer[at] === CLOSE_BRACE) return at + 1;
    if (buffer[at] !== COMMA) return unexpectedAt(at);
    at = skipWhitespace(buffer, at + 1);
  }
}

function keyText(buffer: Buffer, start: number, end: number): string {
  const escaped = buffer.indexOf(BACKSLASH, start);
  return escaped !== -1 && escaped < end
    ? JSON.parse(buffer.toString('utf8', start, end))
    : buffer.toString('utf8', start + 1, end - 1);
}
