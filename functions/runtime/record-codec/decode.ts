import { EventRejected } from '../errors.ts';
import type { ReceivedEvent } from '../event.ts';
import { positionsIn } from '../position.ts';
import type { Rejection } from '../rejection.ts';
import { readAnyOrder } from './any-order.ts';
import { decompress, isCompressed } from './compress.ts';
import { EventView, type RecordFacts } from './event-view.ts';
import { readFixedOrder, type SharedHead } from './fixed-order.ts';
import { type AggregatePart, isAggregate, readAggregate } from './read-aggregate.ts';
import type { EventBytes, LogRecord } from './record.ts';

/** What an event that is not a CloudEvent takes from the stream it came through. */
export interface StreamFacts {
  readonly name: string;
}

export interface Decoded {
  /**
   * Whether the record is a KPL aggregate: only then may its events be range-checked by their keys (DESIGN, Exactly
   * once).
   */
  readonly aggregated: boolean;
  /** In the record's order. An entry's index is its place: `positionOf(sequenceNumber, index)` is just after it. */
  readonly entries: readonly DecodedEntry[];
}

export type DecodedEntry = DecodedEvent | DecodedRejection;

export interface DecodedEvent {
  readonly event: ReceivedEvent;
  /** The key that the event was put with. It decides the shard, unless there is an explicit hash key. */
  readonly partitionKey: string;
  readonly explicitHashKey: bigint | undefined;
}

export interface DecodedRejection {
  readonly rejection: Rejection;
}

/** All that a record may inflate to. A record has 10 MiB at most. */
export const MAX_INFLATED_BYTES = 64 * 1024 * 1024;

/**
 * Reads a record's events. Its bytes say what they are: JSON, KPL's aggregate of many, or either of them compressed; an
 * aggregate's events may be compressed one by one. Corrupt input does not throw: it is one rejection for the record,
 * with the record's original bytes, or, inside a sound aggregate, one for each bad entry, with the entry's.
 */
export function decodeRecord(record: LogRecord, stream: StreamFacts): Decoded {
  const reading = newReading(record, stream);
  const { partitionKey, data } = record;
  const original = Buffer.from(data.buffer, data.byteOffset, data.length);
  let aggregated = false;
  try {
    const buffer = reading.inflate(original);
    aggregated = isAggregate(buffer);
    if (aggregated) return { aggregated, entries: decodeParts(buffer, readAggregate(buffer), reading) };
    const event = reading.read({ buffer, start: 0, end: buffer.length, partitionKey }, 0);
    return { aggregated, entries: [{ event, partitionKey, explicitHashKey: undefined }] };
  } catch (error) {
    return { aggregated, entries: [reading.rejected(error, original, 0)] };
  }
}

function decodeParts(buffer: Buffer, parts: readonly AggregatePart[], reading: Reading): readonly DecodedEntry[] {
  return parts.map((part, index) => {
    const { start, end } = part;
    try {
      if ('problem' in part)
        throw new EventRejected('undecodable', `aggregated record, entry ${index}: ${part.problem}`);
      const { partitionKey, explicitHashKey } = part;
      const event = isCompressed(buffer, start)
        ? reading.read(inflated(buffer.subarray(start, end), partitionKey, reading), index)
        : reading.read({ buffer, start, end, partitionKey }, index);
      return { event, partitionKey, explicitHashKey };
    } catch (error) {
      return reading.rejected(error, buffer.subarray(start, end), index);
    }
  });
}

function inflated(bytes: Buffer, partitionKey: string, { inflate }: Reading): EventBytes {
  const buffer = inflate(bytes);
  return { buffer, start: 0, end: buffer.length, partitionKey };
}

/** What the events of one record share. */
interface Reading {
  /** The bytes as they are when they are not compressed. */
  inflate(bytes: Buffer): Buffer;
  read(event: EventBytes, index: number): EventView;
  rejected(error: unknown, bytes: Buffer, index: number): DecodedRejection;
}

function newReading(record: LogRecord, stream: StreamFacts): Reading {
  const facts = recordFacts(record, stream);
  let previous: SharedHead | undefined;
  let inflatedBytes = 0;

  return {
    inflate(bytes) {
      if (!isCompressed(bytes, 0)) return bytes;
      const result = decompress(bytes, MAX_INFLATED_BYTES - inflatedBytes);
      inflatedBytes += result.length;
      return result;
    },
    read(event, index) {
      const fixed = readFixedOrder(event, previous);
      if (fixed === undefined) return new EventView(readAnyOrder(event, facts, index), facts, index);
      previous = fixed.head;
      return new EventView(fixed.layout, facts, index);
    },
    rejected(error, bytes, index) {
      // Anything else is a mistake of ours, not the event's.
      if (!(error instanceof EventRejected)) throw error;
      return { rejection: { at: facts.positionAt(index), reason: error.reason, message: error.message, bytes } };
    },
  };
}

/** Position and time are worked out when they are first asked for: many a record is read for its data alone. */
function recordFacts({ sequenceNumber, approximateArrivalMillis }: LogRecord, stream: StreamFacts): RecordFacts {
  let positionAt: RecordFacts['positionAt'] | undefined;
  let arrivalTime: string | undefined;
  return {
    source: `/streams/${stream.name}`,
    get arrivalTime() {
      arrivalTime ??= new Date(approximateArrivalMillis).toISOString();
      return arrivalTime;
    },
    positionAt(index) {
      positionAt ??= positionsIn(sequenceNumber);
      return positionAt(index);
    },
  };
}
