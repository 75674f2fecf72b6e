import { EventRejected } from '../errors.ts';
import type { ReceivedEvent } from '../event.ts';
import { LAST_SUB_SEQUENCE, positionsIn } from '../position.ts';
import type { Rejection } from '../rejection.ts';
import { readAnyOrder } from './any-order.ts';
import { decompress, isCompressed } from './compress.ts';
import { EventView, type RecordFacts } from './event-view.ts';
import { readFixedOrder, type SharedHead } from './fixed-order.ts';
import { type AggregatePart, isAggregate, readAggregate, TooManyEntries } from './read-aggregate.ts';
import type { EventBytes, LogRecord } from './record.ts';

/** The facts of a stream that become attributes of events that are no CloudEvents. */
export interface StreamFacts {
  readonly name: string;
}

export interface Decoded {
  /**
   * True for a KPL aggregate. Only an aggregate's events may be checked against the shard's range by their keys:
   * GetRecords does not show with which explicit hash key any other record was put.
   */
  readonly aggregated: boolean;
  /**
   * The entries in the order of the record. `positionOf(sequenceNumber, index)` is the position just after an entry.
   */
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

/** The most bytes that a record may inflate to, in all. A record has at most 10 MiB. */
export const MAX_INFLATED_BYTES = 64 * 1024 * 1024;

/**
 * Reads a record's events. The bytes show what they are: JSON, KPL's aggregate of many events, or either of them
 * compressed. The events of an aggregate may also be compressed one by one. Corrupt bytes do not make it throw: they
 * give one rejection for the record, with the record's bytes, or, in a sound aggregate, one for each bad entry, with
 * the entry's bytes.
 */
export function decodeRecord(record: LogRecord, stream: StreamFacts): Decoded {
  const reader = newRecordReader(record, stream);
  const { partitionKey, data } = record;
  const original = Buffer.from(data.buffer, data.byteOffset, data.length);
  let aggregated = false;
  try {
    const buffer = reader.inflate(original);
    aggregated = isAggregate(buffer);
    if (aggregated) return { aggregated, entries: decodeParts(buffer, readAggregate(buffer), reader) };
    const event = reader.read({ buffer, start: 0, end: buffer.length, partitionKey }, 0);
    return { aggregated, entries: [{ event, partitionKey, explicitHashKey: undefined }] };
  } catch (error) {
    // An earlier version may have processed its first entries. Their step's position has not passed the end.
    const index = error instanceof TooManyEntries ? LAST_SUB_SEQUENCE : 0;
    return { aggregated, entries: [reader.rejected(error, original, index)] };
  }
}

function decodeParts(buffer: Buffer, parts: readonly AggregatePart[], reader: RecordReader): readonly DecodedEntry[] {
  return parts.map((part, index) => {
    const { start, end } = part;
    try {
      if ('problem' in part)
        throw new EventRejected('undecodable', `aggregated record, entry ${index}: ${part.problem}`);
      const { partitionKey, explicitHashKey } = part;
      const event = isCompressed(buffer, start)
        ? reader.read(inflated(buffer.subarray(start, end), partitionKey, reader), index)
        : reader.read({ buffer, start, end, partitionKey }, index);
      return { event, partitionKey, explicitHashKey };
    } catch (error) {
      return reader.rejected(error, buffer.subarray(start, end), index);
    }
  });
}

function inflated(bytes: Buffer, partitionKey: string, { inflate }: RecordReader): EventBytes {
  const buffer = inflate(bytes);
  return { buffer, start: 0, end: buffer.length, partitionKey };
}

/** What the events of one record share. */
interface RecordReader {
  /** Returns the bytes without their compression, if they have one. */
  inflate(bytes: Buffer): Buffer;
  read(event: EventBytes, index: number): EventView;
  rejected(error: unknown, bytes: Buffer, index: number): DecodedRejection;
}

function newRecordReader(record: LogRecord, stream: StreamFacts): RecordReader {
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
      // Any other error is our mistake, not the fault of the event.
      if (!(error instanceof EventRejected)) throw error;
      return { rejection: { at: facts.positionAt(index), reason: error.reason, message: error.message, bytes } };
    },
  };
}

/** Computes position and time when they are first asked for. Of many records, only the data is read. */
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
