import { randomUUID } from 'node:crypto';
import { EventRejected } from '../../runtime/errors.ts';
import { checkedKey, type Data, keyFrom, timeFrom } from '../../runtime/json/event-fields.ts';
import { LINE_FEED } from '../../runtime/json/json-bytes.ts';
import { elementRanges, memberRanges } from '../../runtime/json/json-ranges.ts';
import type { Checker } from '../../runtime/json/wire-schema.ts';
import { nestingFault } from '../../runtime/record-codec/json-scan.ts';
import type { ReceivedRequest } from '../../runtime/source.ts';
import { type Attributes, attributesInHeaders, attributesOf, validTraceparent } from './cloud-event.ts';
import { type BadEvent, RequestRejected } from './replies.ts';
import type { BodyMode, Request, RequestBody } from './request-body.ts';

export type RequestEvent = ReceivedRequest<unknown>['events'][number];

/** How a source makes its events. */
export interface EventFields {
  /** The names of all pipelines of the stage. */
  readonly pipelines: readonly string[];
  readonly type: string;
  readonly key: string;
  readonly time?: string | undefined;
  readonly check: Checker;
}

/** An invocation has no time for more events than this, however small they are. */
const MOST_EVENTS = 10_000;

/**
 * Returns the events of a request, in order. Their data is the bytes as they were sent, never serialised again, so
 * numbers keep their digits. Throws `RequestRejected`: 400 with a list of all bad events (then none is accepted), 413
 * for too many events.
 */
export function eventsOf(request: Request, body: RequestBody, fields: EventFields): readonly RequestEvent[] {
  const eventOf = makers(request, fields)[body.mode];
  const events: RequestEvent[] = [];
  const bad: BadEvent[] = [];
  for (const [index, part] of partsOf(body).entries()) {
    try {
      if (part instanceof EventRejected) throw part;
      events.push(eventOf(part));
    } catch (error) {
      if (!(error instanceof EventRejected)) throw error;
      bad.push({ index, reason: error.message });
    }
  }
  if (bad.length === 0) return events;
  const count = bad.length + events.length;
  throw new RequestRejected(
    400,
    `${bad.length} of ${count} events are bad; none was accepted: correct them and send the request again`,
    {
      events: bad,
    },
  );
}

/** Returns the parts of the body that are one event each, or why they are none. */
function partsOf({ mode, bytes }: RequestBody): readonly (Data | EventRejected)[] {
  if (mode === 'lines') return linesOf(bytes);
  const value = parsed(bytes);
  const isArray = Array.isArray(value);
  if (mode === 'batch' && !isArray)
    throw new RequestRejected(400, 'the body is not an array: send a batch of CloudEvents as a JSON array');
  if (mode === 'structured' && isArray)
    throw new RequestRejected(
      400,
      'the body is an array: send several CloudEvents as application/cloudevents-batch+json',
    );
  if (mode !== 'binary' && (typeof value !== 'object' || value === null))
    throw new RequestRejected(400, 'the body is neither a JSON object nor an array: send one of these');
  if (!isArray || mode === 'binary') return [{ value, bytes: trimmed(bytes) }];
  if (value.length > MOST_EVENTS) throw tooMany(String(value.length));
  return elementRanges(bytes).map(({ start, end }, index) => ({
    value: value[index],
    bytes: bytes.subarray(start, end),
  }));
}

const tooMany = (count: string): RequestRejected =>
  new RequestRejected(
    413,
    `the body has ${count} events; at most ${MOST_EVENTS} are accepted: send fewer events at once`,
  );

/** Returns the JSON of each line. Lines end with LF or CRLF; lines of white space are skipped. */
function linesOf(bytes: Buffer): readonly (Data | EventRejected)[] {
  const lines: (Data | EventRejected)[] = [];
  for (let start = 0; start < bytes.length; ) {
    const found = bytes.indexOf(LINE_FEED, start);
    const end = found < 0 ? bytes.length : found;
    const line = trimmed(bytes.subarray(start, end));
    start = end + 1;
    if (line.length === 0) continue;
    if (lines.length === MOST_EVENTS) throw tooMany(`more than ${MOST_EVENTS}`);
    lines.push(dataOfLine(line));
  }
  if (lines.length === 0) throw new RequestRejected(400, 'the body has no line of JSON: send one JSON object a line');
  return lines;
}

function dataOfLine(bytes: Buffer): Data | EventRejected {
  try {
    return { value: JSON.parse(bytes.toString('utf8')), bytes };
  } catch (error) {
    return new EventRejected('undecodable', `the line is not JSON: ${(error as Error).message}`);
  }
}

function parsed(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString('utf8'));
  } catch (error) {
    throw new RequestRejected(400, `the body is not JSON: ${(error as Error).message}`);
  }
}

type MakeEvent = (part: Data) => RequestEvent;

function makers(request: Request, fields: EventFields): Readonly<Record<BodyMode, MakeEvent>> {
  const arrival = new Date(request.requestContext.timeEpoch).toISOString();
  const traceparent = validTraceparent(request.headers.traceparent);
  const { pipelines } = fields;

  /** Makes an event of bare JSON. Without a key, its id becomes its key: it needs no order among other events. */
  function bare(data: Data): RequestEvent {
    checkData(data, fields.check);
    const { type, time: timeField } = fields;
    const time = timeField === undefined ? arrival : timeFrom(data, timeField);
    const traced = traceparent === undefined ? {} : { traceparent };
    const key = keyFrom(data, fields.key);
    if (key !== undefined) return { type, time, key, dataBytes: data.bytes, ...traced };
    const id = randomUUID();
    return { type, time, key: id, id, dataBytes: data.bytes, ...traced };
  }

  function cloudEvent(attributes: Attributes, data: Data): RequestEvent {
    checkData(data, fields.check);
    const { id, source, type, partitionkey, sequence } = attributes;
    const traced = attributes.traceparent ?? traceparent;
    return {
      id,
      source,
      type,
      time: attributes.time ?? arrival,
      dataBytes: data.bytes,
      key: partitionkey ?? keyFrom(data, fields.key) ?? checkedKey(id, 'id'),
      ...(sequence === undefined || sequence === null ? {} : { sequence }),
      ...(traced === undefined ? {} : { traceparent: traced }),
    };
  }

  const structured: MakeEvent = (part) => cloudEvent(attributesOf(part.value, pipelines), dataOf(part));
  return {
    bare,
    lines: bare,
    structured,
    batch: structured,
    binary: (data) => cloudEvent(attributesOf(attributesInHeaders(request.headers), pipelines), data),
  };
}

/** Returns `data` of a CloudEvent in JSON. `attributesOf` has checked that the event is an object. */
function dataOf({ value, bytes }: Data): Data {
  const range = memberRanges(bytes).get('data');
  if (range === undefined) throw new EventRejected('schema', 'data: is missing');
  return { value: (value as { data: unknown }).data, bytes: bytes.subarray(range.start, range.end) };
}

function checkData({ value, bytes }: Data, check: Checker): void {
  const tooDeep = nestingFault(bytes);
  if (tooDeep !== undefined) throw new EventRejected('undecodable', tooDeep);
  const wrong = check(value);
  if (wrong !== undefined) throw new EventRejected('schema', wrong);
}

/** Removes white space around the value, which is not part of the event. */
function trimmed(bytes: Buffer): Buffer {
  let start = 0;
  let end = bytes.length;
  while (start < end && (bytes[start] as number) <= 0x20) start++;
  while (end > start && (bytes[end - 1] as number) <= 0x20) end--;
  return bytes.subarray(start, end);
}
