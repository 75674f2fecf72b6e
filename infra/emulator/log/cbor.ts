import { cbor, tag, tagSymbol } from '@smithy/core/cbor';
import { LogError } from './log-error.ts';

/**
 * Parses a body in AWS's CBOR 1.1: blobs are byte strings, times have tag 1 and are milliseconds, where the standard
 * has seconds. (AWS SDK for Java 2.x, AwsCborProtocolFactory: UNIX_TIMESTAMP_MILLIS)
 */
export function objectFromCbor(body: Buffer): object {
  if (body.length === 0) return {};
  try {
    const input: unknown = untagged(cbor.deserialize(body));
    if (typeof input === 'object' && input !== null && !Array.isArray(input) && !isOther(input)) return input;
  } catch {
    // Refused below: Kinesis does not say where the body is broken.
  }
  throw new LogError('SerializationException', 'the body is not a CBOR map');
}

/** Writes an answer or an error in AWS's CBOR 1.1. */
export function objectToCbor(output: object): Uint8Array {
  return cbor.serialize(tagged(output));
}

const timestampTag = 1;

function isOther(value: object): boolean {
  return value instanceof Date || value instanceof Uint8Array;
}

/** Makes a date of each time. A tag that no member has stays, and the log's checks refuse it. */
function untagged(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return value;
  if (Array.isArray(value)) return value.map(untagged);
  if (tagSymbol in value) {
    const { tag: number, value: millis } = value as unknown as { tag: unknown; value: unknown };
    return number === timestampTag && typeof millis === 'number' ? new Date(millis) : value;
  }
  return Object.fromEntries(Object.entries(value).map(([member, one]) => [member, untagged(one)]));
}

/** Leaves out members that are undefined, as JSON does. */
function tagged(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return value;
  if (value instanceof Date) return tag({ tag: timestampTag, value: value.getTime() });
  if (Array.isArray(value)) return value.map(tagged);
  return Object.fromEntries(
    Object.entries(value).flatMap(([member, one]) => (one === undefined ? [] : [[member, tagged(one)]])),
  );
}
