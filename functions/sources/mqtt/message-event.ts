import { EventRejected } from '../../runtime/errors.ts';
import { type Data, keyFrom, timeFrom } from '../../runtime/json/event-fields.ts';
import type { Checker } from '../../runtime/json/wire-schema.ts';
import { nestingFault } from '../../runtime/record-codec/json-scan.ts';
import type { PulledEvent } from '../../runtime/source.ts';
import type { Message } from './broker.ts';

/** Where a text comes from: a field of the payload, or `topic(n)`: the nth level of the topic, from 1. */
export type Part = string;

/** How a message becomes an event. */
export interface MessageShape {
  readonly type: string;
  /** Joined by `/`. */
  readonly key: readonly Part[];
  readonly time: string | undefined;
  /** Who sent the message, and its number there. Undefined: messages are not told apart. */
  readonly device: Part | undefined;
  readonly number: string | undefined;
  readonly check: Checker;
}

const LEVEL = /^topic\((\d{1,2})\)$/;

/** Returns the number of the topic's level that a part names. Undefined: it names a field. */
export function levelOf(part: Part): number | undefined {
  const [, level] = LEVEL.exec(part) ?? [];
  return level === undefined ? undefined : Number(level);
}

/**
 * Makes the event of a message. Throws `EventRejected` for a payload that is no JSON, or does not fit. An event whose
 * payload has a device and a number carries them as its source and sequence, so that a stream that is `idempotent`
 * drops it when the broker delivers it again.
 */
export function eventOf(
  { topic, payload }: Message,
  shape: MessageShape,
  { place, at }: { readonly place: string; readonly at: string },
): PulledEvent {
  const data = dataOf(payload);
  const wrong = shape.check(data.value);
  if (wrong !== undefined) throw new EventRejected('schema', wrong);
  const partOf = (part: Part): string | undefined => {
    const level = levelOf(part);
    return level === undefined ? keyFrom(data, part) : topic.split('/')[level - 1];
  };
  const key = shape.key.map((part) => partOf(part) ?? '').join('/');
  const time = shape.time === undefined ? at : timeFrom(data, shape.time);
  const device = shape.device === undefined ? undefined : partOf(shape.device);
  const sequence = shape.number === undefined ? undefined : keyFrom(data, shape.number);
  const isNumbered = device !== undefined && sequence !== undefined && /^\d+$/.test(sequence);
  return {
    type: shape.type,
    time,
    key: key === '' ? place : key,
    dataBytes: data.bytes,
    place,
    ...(isNumbered ? { own: { source: `mqtt:${device}`, sequence } } : {}),
  };
}

function dataOf(bytes: Buffer): Data {
  const tooDeep = nestingFault(bytes);
  if (tooDeep !== undefined) throw new EventRejected('undecodable', tooDeep);
  try {
    return { bytes, value: JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes)) };
  } catch (error) {
    throw new EventRejected('undecodable', `the payload is not JSON in UTF-8: ${(error as Error).message}`);
  }
}
