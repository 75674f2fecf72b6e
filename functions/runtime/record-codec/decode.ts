import { EventRejected } from '../errors.ts';
import type { ReceivedEvent } from '../event.ts';
import { LAST_SUB_SEQUENCE, type Position, positionsIn } from '../position.ts';
import type { Rejection } from '../rejection.ts';
import { TICK_FOR, type Tick, tickOf } from '../time/tick.ts';
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
  /** The ticks, which are no entries: who asks for the events meets none. Nearly always empty. */
  readonly ticks: readonly DecodedTick[];
}

/** A tick, and its place in the record. */
export interface DecodedTick {
  readonly tick: Tick;
  /** The position just after it. */
  readonly at: Position;
  /** How many of the record's entries come before it. */
  readonly entriesBefore: number;
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
    if (aggregated) return { aggregated, ...reader.divided(decodeParts(buffer, readAggregate(buffer), reader)) };
    const event = reader.read({ buffer, start: 0, end: buffer.length, partitionKey }, 0);
    return { aggregated, ...reader.divided([{ event, partitionKey, explicitHashKey: undefined }]) };
  } catch (error) {
    // An earlier version may have processed its first entries. Their step's position has not passed the end.
    const index = error instanceof TooManyEntries ? LAST_SUB_SEQUENCE : 0;
    return { aggregated, entries: [reader.rejected(error, original, index)], ticks: NO_TICKS };
  }
}

const NO_TICKS: readonly DecodedTick[] = [];

/** Divides events and ticks. */
function divided(entries: readonly DecodedEntry[]): Pick<Decoded, 'entries' | 'ticks'> {
  const events: DecodedEntry[] = [];
  const ticks: DecodedTick[] = [];
  for (const entry of entries) {
    const tick = isAddressedAsTick(entry) ? tickOf(entry.event) : undefined;
    if (tick === undefined || 'rejection' in entry) events.push(entry);
    else ticks.push({ tick, at: entry.event.position, entriesBefore: events.length });
  }
  return { entries: events, ticks };
}

function isAddressedAsTick(entry: DecodedEntry): entry is DecodedEvent {
  return 'event' in entry && entry.event.redrivenFor === TICK_FOR;
}

function decodeParts(buffer: Buffer, parts: readonly AggregatePart[], reader: RecordReader): readonly DecodedEntry[] {
  return parts.map((part, index) => decodePart(buffer, part, { index, reader }));
}

function decodePart(
  buffer: Buffer,
  part: AggregatePart,
  { index, reader }: { readonly index: number; readonly reader: RecordReader },
): DecodedEntry {
  const { start, end } = part;
  try {
    if ('problem' in part) throw new EventRejected('undecodable', `aggregated record, entry ${index}: ${part.problem}`);
    const { partitionKey, explicitHashKey } = part;
    const event = isCompressed(buffer, start)
      ? reader.read(inflated(buffer.subarray(start, end), partitionKey, reader), index)
      : reader.read({ buffer, start, end, partitionKey }, index);
    return { event, partitionKey, explicitHashKey };
  } catch (error) {
    return reader.rejected(error, buffer.subarray(start, end), index);
  }
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
  /** Divides the events that it has read from the ticks. */
  divided(entries: readonly DecodedEntry[]): Pick<Decoded, 'entries' | 'ticks'>;
}

function newRecordReader(record: LogRecord, stream: StreamFacts): RecordReader {
  const facts = recordFacts(record, stream);
  let previous: SharedHead | undefined;
  let inflatedBytes = 0;
  let hasTicks = false;

  return {
    inflate(bytes) {
      if (!isCompressed(bytes, 0)) return bytes;
      const result = decompress(bytes, MAX_INFLATED_BYTES - inflatedBytes);
      inflatedBytes += result.length;
      return result;
    },
    read(event, index) {
      const fixed = readFixedOrder(event, previous);
      if (fixed === undefined) {
        const layout = readAnyOrder(event, facts, index);
        hasTicks ||= layout.redrivenFor === TICK_FOR;
        return new EventView(layout, facts, index);
      }
      previous = fixed.head;
      return new EventView(fixed.layout, facts, index);
    },
    rejected(error, bytes, index) {
      // Any other error is our mistake, not the fault of the event.
      if (!(error instanceof EventRejected)) throw error;
      return { rejection: { at: facts.positionAt(index), reason: error.reason, message: error.message, bytes } };
    },
    divided: (entries) => (hasTicks ? divided(entries) : { entries, ticks: NO_TICKS }),
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
