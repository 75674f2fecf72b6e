import { createHash } from 'node:crypto';
import type { OutgoingEvent } from '../event.ts';
import { encodeEvent, sharedHead } from './encode.ts';
import { plainLength, writePlainEvent } from './plain-event.ts';
import { LENGTH_DELIMITED, VARINT, varintLength, writeVarint } from './protobuf.ts';

/**
 * KPL's aggregated record: many events in one Kinesis record.
 * https://github.com/awslabs/amazon-kinesis-producer/blob/master/aggregation-format.md
 */
export const AGGREGATE_MAGIC = Buffer.from('f3899ac2', 'hex');
export const MD5_LENGTH = 16;

/**
 * The most entries of an aggregate, for the writer and for the reader. Each entry may become a dead letter, and an
 * empty one takes 2 bytes before compression. Our events take more than 180 bytes and a record at most 4 MiB, so no
 * record of an earlier version has as many.
 */
export const MOST_ENTRIES = 25_000;

/** Tags (field number and wire type) of the messages `AggregatedRecord` and `Record`. */
export const PARTITION_KEY = (1 << 3) | LENGTH_DELIMITED;
export const EXPLICIT_HASH_KEY = (2 << 3) | LENGTH_DELIMITED;
export const RECORD = (3 << 3) | LENGTH_DELIMITED;
export const PARTITION_KEY_INDEX = (1 << 3) | VARINT;
export const EXPLICIT_HASH_KEY_INDEX = (2 << 3) | VARINT;
export const DATA = (3 << 3) | LENGTH_DELIMITED;

export interface Aggregate {
  /**
   * Adds an event. Returns false, and changes nothing, when the aggregate would be longer than `maxBytes` or is full.
   * With an explicit hash key, that one decides about the event's shard, and not the partition key.
   */
  add(partitionKey: string, eventBytes: Uint8Array, explicitHashKey?: bigint): boolean;
  /** Adds an event that is not encoded yet, under its own key. */
  addEvent(event: OutgoingEvent, explicitHashKey?: bigint): boolean;
  /** Returns the record's bytes. Do not use the aggregate afterwards. */
  finish(): Buffer;
}

/**
 * Starts an aggregate of at most `MOST_ENTRIES` events and `maxBytes`: magic, key table, events and MD5. Kinesis also
 * counts the record's own key, which is not included.
 */
export function newAggregate({ maxBytes }: { readonly maxBytes: number }): Aggregate {
  const keyIndexes = new Map<string, number>();
  const keys = growing(FIRST_KEY_BYTES);
  const hashKeys: Buffer[] = [];
  const events = growing(FIRST_BYTES);
  let entries = 0;
  let size = AGGREGATE_MAGIC.length + MD5_LENGTH;

  /** Writes all of an entry but the event's bytes, and makes room for these. Returns false when they do not fit. */
  const begin = (partitionKey: string, length: number, explicitHashKey: bigint | undefined): boolean => {
    if (entries === MOST_ENTRIES) return false;
    const known = keyIndexes.get(partitionKey);
    const keyIndex = known ?? keyIndexes.size;
    const keyBytes = known === undefined ? Buffer.byteLength(partitionKey) : 0;
    const hashKey = explicitHashKey === undefined ? undefined : Buffer.from(explicitHashKey.toString());
    const ofHashKey = hashKey === undefined ? 0 : 1 + varintLength(hashKeys.length);
    const inner = 1 + varintLength(keyIndex) + ofHashKey + fieldLength(length);
    const grown =
      size +
      fieldLength(inner) +
      (known === undefined ? fieldLength(keyBytes) : 0) +
      (hashKey === undefined ? 0 : fieldLength(hashKey.length));
    if (grown > maxBytes) return false;
    size = grown;
    entries++;
    if (known === undefined) {
      keyIndexes.set(partitionKey, keyIndex);
      addKey(keys, partitionKey, keyBytes);
    }
    makeRoom(events, inner + MOST_HEAD_BYTES);
    const { bytes } = events;
    let { at } = events;
    bytes[at++] = RECORD;
    at = writeVarint(bytes, at, inner);
    bytes[at++] = PARTITION_KEY_INDEX;
    at = writeVarint(bytes, at, keyIndex);
    if (hashKey !== undefined) {
      bytes[at++] = EXPLICIT_HASH_KEY_INDEX;
      at = writeVarint(bytes, at, hashKeys.length);
      hashKeys.push(hashKey);
    }
    bytes[at++] = DATA;
    events.at = writeVarint(bytes, at, length);
    return true;
  };

  const add = (partitionKey: string, eventBytes: Uint8Array, explicitHashKey?: bigint): boolean => {
    if (!begin(partitionKey, eventBytes.length, explicitHashKey)) return false;
    events.bytes.set(eventBytes, events.at);
    events.at += eventBytes.length;
    return true;
  };

  return {
    add,
    addEvent(event, explicitHashKey) {
      const length = plainLength(event, sharedHead);
      if (length === -1) return add(event.key, encodeEvent(event), explicitHashKey);
      if (!begin(event.key, length, explicitHashKey)) return false;
      events.at = writePlainEvent(events.bytes, events.at, event);
      return true;
    },

    finish() {
      const bytes = Buffer.allocUnsafe(size);
      let at = AGGREGATE_MAGIC.copy(bytes);
      at += keys.bytes.copy(bytes, at, 0, keys.at);
      for (const key of hashKeys) at = writeBytesField(bytes, at, { tag: EXPLICIT_HASH_KEY, value: key });
      at += events.bytes.copy(bytes, at, 0, events.at);
      createHash('md5').update(bytes.subarray(AGGREGATE_MAGIC.length, at)).digest().copy(bytes, at);
      return bytes;
    },
  };
}

/** Bytes that grow, up to `at`. */
interface Growing {
  bytes: Buffer;
  at: number;
}

/** Many aggregates have a few events only. */
const FIRST_BYTES = 4 * 1024;
const FIRST_KEY_BYTES = 256;

/** More than the tags and lengths around an entry. */
const MOST_HEAD_BYTES = 16;

function growing(firstBytes: number): Growing {
  return { bytes: Buffer.allocUnsafe(firstBytes), at: 0 };
}

function makeRoom(out: Growing, bytes: number): void {
  if (out.bytes.length - out.at >= bytes) return;
  const larger = Buffer.allocUnsafe(Math.max(2 * out.bytes.length, out.at + bytes));
  out.bytes.copy(larger, 0, 0, out.at);
  out.bytes = larger;
}

/** Adds a key to the key table. */
function addKey(keys: Growing, key: string, keyBytes: number): void {
  makeRoom(keys, keyBytes + MOST_HEAD_BYTES);
  const { bytes } = keys;
  bytes[keys.at++] = PARTITION_KEY;
  let at = writeVarint(bytes, keys.at, keyBytes);
  if (keyBytes !== key.length) at += bytes.write(key, at, 'utf8');
  // In ASCII, a character is a byte.
  else for (let index = 0; index < key.length; index++) bytes[at++] = key.charCodeAt(index);
  keys.at = at;
}

function fieldLength(valueLength: number): number {
  return 1 + varintLength(valueLength) + valueLength;
}

function writeBytesField(bytes: Buffer, offset: number, field: { tag: number; value: Uint8Array }): number {
  bytes[offset] = field.tag;
  const at = writeVarint(bytes, offset + 1, field.value.length);
  bytes.set(field.value, at);
  return at + field.value.length;
}
