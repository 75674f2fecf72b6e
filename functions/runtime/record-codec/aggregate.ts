import { createHash } from 'node:crypto';
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
  /** Returns the record's bytes. Do not use the aggregate afterwards. */
  finish(): Buffer;
}

/**
 * Starts an aggregate of at most `MOST_ENTRIES` events and `maxBytes`: magic, key table, events and MD5. Kinesis also
 * counts the record's own key, which is not included.
 */
export function newAggregate({ maxBytes }: { readonly maxBytes: number }): Aggregate {
  const keyIndexes = new Map<string, number>();
  const keys: Buffer[] = [];
  const hashKeys: Buffer[] = [];
  const entries: Entry[] = [];
  let size = AGGREGATE_MAGIC.length + MD5_LENGTH;

  return {
    add(partitionKey, eventBytes, explicitHashKey) {
      if (entries.length === MOST_ENTRIES) return false;
      const knownIndex = keyIndexes.get(partitionKey);
      const newKey = knownIndex === undefined ? Buffer.from(partitionKey) : undefined;
      const newHashKey = explicitHashKey === undefined ? undefined : Buffer.from(explicitHashKey.toString());
      const entry: Entry = {
        keyIndex: knownIndex ?? keys.length,
        hashKeyIndex: newHashKey && hashKeys.length,
        event: eventBytes,
      };
      const grown = size + fieldLength(innerLength(entry)) + lengthOfNew(newKey) + lengthOfNew(newHashKey);
      if (grown > maxBytes) return false;
      size = grown;
      if (newKey) {
        keyIndexes.set(partitionKey, keys.length);
        keys.push(newKey);
      }
      if (newHashKey) hashKeys.push(newHashKey);
      entries.push(entry);
      return true;
    },

    finish() {
      const bytes = Buffer.allocUnsafe(size);
      let at = AGGREGATE_MAGIC.copy(bytes);
      for (const key of keys) at = writeBytesField(bytes, at, { tag: PARTITION_KEY, value: key });
      for (const key of hashKeys) at = writeBytesField(bytes, at, { tag: EXPLICIT_HASH_KEY, value: key });
      for (const entry of entries) {
        const { keyIndex, hashKeyIndex, event } = entry;
        bytes[at++] = RECORD;
        at = writeVarint(bytes, at, innerLength(entry));
        bytes[at++] = PARTITION_KEY_INDEX;
        at = writeVarint(bytes, at, keyIndex);
        if (hashKeyIndex !== undefined) {
          bytes[at++] = EXPLICIT_HASH_KEY_INDEX;
          at = writeVarint(bytes, at, hashKeyIndex);
        }
        bytes[at++] = DATA;
        at = writeVarint(bytes, at, event.length);
        bytes.set(event, at);
        at += event.length;
      }
      createHash('md5').update(bytes.subarray(AGGREGATE_MAGIC.length, at)).digest().copy(bytes, at);
      return bytes;
    },
  };
}

interface Entry {
  readonly keyIndex: number;
  /** Undefined for nearly all events. */
  readonly hashKeyIndex: number | undefined;
  readonly event: Uint8Array;
}

/** Returns the length of a `Record` message without its own tag and length. */
function innerLength({ keyIndex, hashKeyIndex, event }: Entry): number {
  const ofHashKey = hashKeyIndex === undefined ? 0 : 1 + varintLength(hashKeyIndex);
  return 1 + varintLength(keyIndex) + ofHashKey + fieldLength(event.length);
}

function lengthOfNew(key: Buffer | undefined): number {
  return key === undefined ? 0 : fieldLength(key.length);
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
