import type { OutgoingEvent } from '../event.ts';
import { newAggregate } from '../record-codec/aggregate.ts';
import { compress } from '../record-codec/compress.ts';
import { encodeEvent } from '../record-codec/encode.ts';
import { hashOf } from '../record-codec/hash.ts';
import { aimedAt } from '../time/tick.ts';
import { type Shard, shardFor } from './shards.ts';

/**
 * The events of an append that go to one shard, by index, ascending. Those before `next` are in the log, or refused.
 */
export interface ShardQueue {
  readonly shard: Shard;
  readonly indexes: readonly number[];
  next: number;
  /** The record that is in flight or has to be sent again. No later record may be sent before it. */
  record: PackedRecord | undefined;
  /** Counts the failures in a row. */
  failures: number;
  throttled: boolean;
  /** Resolves when the queue may be tried again. Never rejects. */
  rest: Promise<void> | undefined;
}

export interface PackedRecord {
  readonly data: Uint8Array;
  readonly hash: bigint;
  /** The record contains the events `indexes.slice(next, end)`. */
  readonly end: number;
}

export interface Packing {
  /** The most bytes of a record's data. */
  readonly maxBytes: number;
  readonly compression: 'zstd' | undefined;
  /** Records that are packed already, by the index of their first event. */
  readonly packed?: PackedEvents | undefined;
  /** Called with an event that is too large for a record of its own, and with its size. The event is left out. */
  refuse(index: number, sizeBytes: number): void;
}

/** Records of events that follow each other, by the index of the first one. */
export type PackedEvents = ReadonlyMap<number, PackedRun>;

/** A compressed record of some events up to an index, which is not included. */
export interface PackedRun {
  readonly end: number;
  readonly data: Uint8Array;
  /** The bytes before the compression. */
  readonly bytes: number;
}

/**
 * Distributes events, by index, to the open shards that take them. With one open shard, no hash is computed. A tick
 * goes to all of them: behind the earlier events of each.
 */
export function queuesFor(
  events: readonly OutgoingEvent[],
  indexes: Iterable<number>,
  open: readonly Shard[],
): ShardQueue[] {
  const only = open.length === 1 ? open[0] : undefined;
  const byShard = new Map<Shard, number[]>();
  if (only !== undefined) byShard.set(only, [...indexes]);
  const add = (shard: Shard, index: number): void => {
    const queued = byShard.get(shard);
    if (queued) queued.push(index);
    else byShard.set(shard, [index]);
  };
  for (const index of only === undefined ? indexes : []) {
    const { key, everywhere } = events[index] as OutgoingEvent;
    if (everywhere) for (const shard of open) add(shard, index);
    else add(shardFor(open, hashOf(key)), index);
  }
  return [...byShard]
    .filter(([, queued]) => queued.length > 0)
    .map(([shard, queued]) => ({
      shard,
      indexes: queued,
      next: 0,
      record: undefined,
      failures: 0,
      throttled: false,
      rest: undefined,
    }));
}

/** Moves a queue on: its record is in the log. */
export function advance(queue: ShardQueue, record: PackedRecord): void {
  queue.next = record.end;
  queue.record = undefined;
  queue.failures = 0;
  queue.throttled = false;
}

/** Returns true when some of the queue is not in the log yet. */
export function unfinished({ indexes, next }: ShardQueue): boolean {
  return next < indexes.length;
}

export function remaining({ indexes, next }: ShardQueue): readonly number[] {
  return indexes.slice(next);
}

/** Packs the queue's next record: as many of its events as fit. Undefined when nothing is left. */
export function pack(queue: ShardQueue, events: readonly OutgoingEvent[], packing: Packing): PackedRecord | undefined {
  const packed = packedNext(queue, events, packing);
  if (packed !== undefined) return packed;
  const aggregate = newAggregate(packing);
  /** The hash of the first event that is in the record. */
  let first: bigint | undefined;
  let end = queue.next;
  for (; end < queue.indexes.length; end++) {
    const index = queue.indexes[end] as number;
    // What goes everywhere is aimed at the shard. Any hash of the shard's range brings it there.
    const given = events[index] as OutgoingEvent;
    const event = given.everywhere ? aimedAt(given, queue.shard) : given;
    const hashKey = given.everywhere ? queue.shard.from : undefined;
    if (aggregate.addEvent(event, hashKey)) first ??= hashKey ?? hashOf(event.key);
    else if (first === undefined) packing.refuse(index, sizeAlone(event.key, encodeEvent(event)));
    else break;
  }
  if (first === undefined) {
    queue.next = end;
    return undefined;
  }
  const data = aggregate.finish();
  return {
    data: packing.compression ? compressed(data) : data,
    hash: first,
    end,
  };
}

/** Finds a record that is packed already and has exactly the next events of the queue. */
function packedNext(
  { indexes, next }: ShardQueue,
  events: readonly OutgoingEvent[],
  { packed, maxBytes, compression }: Packing,
): PackedRecord | undefined {
  const first = indexes[next];
  const run = first === undefined ? undefined : packed?.get(first);
  if (first === undefined || run === undefined || compression === undefined) return undefined;
  if (run.bytes > maxBytes || run.data.length >= run.bytes) return undefined;
  const end = next + run.end - first;
  // The indexes ascend, so they have no gap when as many of them end with the last one.
  if (indexes[end - 1] !== run.end - 1) return undefined;
  return { data: run.data, hash: hashOf((events[first] as OutgoingEvent).key), end };
}

/** Finds the events that are too large for a record of their own: their indexes and sizes. */
export function oversized(
  events: readonly OutgoingEvent[],
  maxBytes: number,
): readonly { index: number; size: number }[] {
  return events.flatMap((event, index) => {
    if (mostBytes(event) <= maxBytes) return [];
    const size = sizeAlone(event.key, encodeEvent(event));
    return size > maxBytes ? [{ index, size }] : [];
  });
}

/**
 * Returns an upper bound of the event's size in a record of its own, quickly. One character takes at most 6 bytes of
 * JSON, when it is escaped.
 */
function mostBytes(event: OutgoingEvent): number {
  let characters = 0;
  for (const value of Object.values(event)) if (typeof value === 'string') characters += value.length;
  return event.dataBytes.length + 6 * (characters + event.key.length) + FRAME_BYTES;
}

/** More than the bytes of the attributes' names and of an aggregated record's frame. */
const FRAME_BYTES = 512;

/** Returns the bytes of a record with this event only. */
function sizeAlone(key: string, bytes: Uint8Array): number {
  const aggregate = newAggregate({ maxBytes: Infinity });
  aggregate.add(key, bytes);
  return aggregate.finish().length;
}

/**
 * Compresses a record if that makes it smaller. A record has at most `maxBytes` before compression too: readers may
 * rely on that limit, and larger records would save nothing.
 */
function compressed(data: Buffer): Buffer {
  const smaller = compress(data);
  return smaller.length < data.length ? smaller : data;
}
