import { randomUUID } from 'node:crypto';
import { EventRejected } from '../../runtime/errors.ts';
import { checkedKey, type Data, keyFrom, timeFrom } from '../../runtime/json/event-fields.ts';
import { elementRanges, memberRanges } from '../../runtime/json/json-ranges.ts';
import type { Checker } from '../../runtime/json/wire-schema.ts';
import type { ReceivedRequest } from '../../runtime/source.ts';
import { type Attributes, attributesInHeaders, attributesOf, validTraceparent } from './cloud-event.ts';
import { type RefusedEvent, RequestRefused } from './replies.ts';
import type { BodyMode, Request, RequestBody } from './request-body.ts';

export type RequestEvent = ReceivedRequest<unknown>['events'][number];

/** How the events of a source are made. */
export interface EventFields {
  readonly pipeline: string;
  readonly type: string;
  readonly key: string;
  readonly time?: string | undefined;
  readonly check: Checker;
}

/** More would not fit into an invocation, whatever they say. */
const MOST_EVENTS = 10_000;

/**
 * The events of a request, in order. Their data are the bytes that came: never serialised again, so numbers keep their
 * digits. Throws `RequestRefused`: 400 with every event that is bad, and then none of them is taken; 413 for too many.
 */
export function eventsOf(request: Request, body: RequestBody, fields: EventFields): readonly RequestEvent[] {
  const eventOf = makers(request, fields)[body.mode];
  const events: RequestEvent[] = [];
  const refused: RefusedEvent[] = [];
  for (const [index, part] of partsOf(body).entries()) {
    try {
      events.push(eventOf(part));
    } catch (error) {
      if (!(error instanceof EventRejected)) throw error;
      refused.push({ index, reason: error.message });
    }
  }
  if (refused.length === 0) return events;
  const count = refused.length + events.length;
  throw new RequestRefused(400, `${refused.length} of ${count} events cannot be taken; none was`, { events: refused });
}

/** The parts of the body that each are one event. */
function partsOf({ mode, bytes }: RequestBody): readonly Data[] {
  const value = parsed(bytes);
  const isArray = Array.isArray(value);
  if (mode === 'batch' && !isArray)
    throw new RequestRefused(400, 'the body is no array: a batch of CloudEvents is one');
  if (mode === 'structured' && isArray)
    throw new RequestRefused(
      400,
      'the body is an array: send several CloudEvents as application/cloudevents-batch+json',
    );
  if (mode !== 'binary' && (typeof value !== 'object' || value === null))
    throw new RequestRefused(400, `the body is neither a JSON object nor an array`);
  if (!isArray || mode === 'binary') return [{ value, bytes: trimmed(bytes) }];
  if (value.length > MOST_EVENTS)
    throw new RequestRefused(413, `the body has ${value.length} events: at most ${MOST_EVENTS} are taken at once`);
  return elementRanges(bytes).map(({ start, end }, index) => ({
    value: value[index],
    bytes: bytes.subarray(start, end),
  }));
}

function parsed(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString('utf8'));
  } catch (error) {
    throw new RequestRefused(400, `the body is not JSON: ${(error as Error).message}`);
  }
}

type MakeEvent = (part: Data) => RequestEvent;

function makers(request: Request, fields: EventFields): Readonly<Record<BodyMode, MakeEvent>> {
  const arrival = new Date(request.requestContext.timeEpoch).toISOString();
  const traceparent = validTraceparent(request.headers.traceparent);
  const { pipeline } = fields;

  /** An event without a key gets its own id as key: it is in no order with any other. */
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

  const structured: MakeEvent = (part) => cloudEvent(attributesOf(part.value, pipeline), dataOf(part));
  return {
    bare,
    structured,
    batch: structured,
    binary: (data) => cloudEvent(attributesOf(attributesInHeaders(request.headers), pipeline), data),
  };
}

/** `data` of an event that `attributesOf` has found to be an object. */
function dataOf({ value, bytes }: Data): Data {
  const range = memberRanges(bytes).get('data');
  if (range === undefined) throw new EventRejected('schema', 'data: is missing');
  return { value: (value as { data: unknown }).data, bytes: bytes.subarray(range.start, range.end) };
}

function checkData({ value }: Data, check: Checker): void {
  const wrong = check(value);
  if (wrong !== undefined) throw new EventRejected('schema', wrong);
}

/** White space around the value is no part of the event. */
function trimmed(bytes: Buffer): Buffer {
  let start = 0;
  let end = bytes.length;
  while ((bytes[start] as number) <= 0x20) start++;
  while ((bytes[end - 1] as number) <= 0x20) end--;
  return bytes.subarray(start, end);
}
