import { isUtf8 } from 'node:buffer';
import { hash } from 'node:crypto';
import { EventRejected } from '../errors.ts';
import { keyFault } from '../event.ts';
import {
  AGGREGATE_MAGIC,
  DATA,
  EXPLICIT_HASH_KEY,
  EXPLICIT_HASH_KEY_INDEX,
  MD5_LENGTH,
  MOST_ENTRIES,
  PARTITION_KEY,
  PARTITION_KEY_INDEX,
  RECORD,
} from './aggregate.ts';
import { type Cursor, enterField, MalformedMessage, readTag, readVarint, skipField } from './protobuf.ts';

/** The bytes of an event in an aggregate: [start, end) of its buffer. */
export interface AggregatedEvent {
  readonly start: number;
  readonly end: number;
  readonly partitionKey: string;
  readonly explicitHashKey: bigint | undefined;
}

/** An aggregate has more entries than we read of one record. */
export class TooManyEntries extends EventRejected {}

/** An entry of a sound aggregate that contains no event. */
export interface BadEntry {
  readonly start: number;
  readonly end: number;
  readonly problem: string;
}

export type AggregatePart = AggregatedEvent | BadEntry;

export function isAggregate(bytes: Buffer): boolean {
  return bytes.length >= AGGREGATE_MAGIC.length && bytes.readUInt32BE() === AGGREGATE_MAGIC.readUInt32BE();
}

/** Reads the aggregate's entries, in order. Throws `EventRejected` when the aggregate as a whole cannot be trusted. */
export function readAggregate(bytes: Buffer): readonly AggregatePart[] {
  const end = bytes.length - MD5_LENGTH;
  checkDigest(bytes, end);
  try {
    return readEntries({ bytes, at: AGGREGATE_MAGIC.length, end });
  } catch (error) {
    if (error instanceof MalformedMessage) throw undecodable(error.message);
    throw error;
  }
}

/**
 * Checks the MD5. KCL reads a record with the magic but a wrong digest as a plain record, because a plain record may
 * contain any bytes. Ours contain JSON, which never begins with the magic's first byte. So such a record can only be a
 * damaged aggregate.
 */
function checkDigest(bytes: Buffer, end: number): void {
  if (end < AGGREGATE_MAGIC.length) throw undecodable(`it has ${bytes.length} bytes, too few to hold its MD5`);
  const digest = hash('md5', bytes.subarray(AGGREGATE_MAGIC.length, end), 'buffer');
  if (bytes.compare(digest, 0, MD5_LENGTH, end) !== 0) throw undecodable('its MD5 does not match: damaged or cut off');
}

interface KeyTables {
  readonly partitionKeys: readonly (string | Problem)[];
  readonly explicitHashKeys: readonly (bigint | Problem)[];
}

interface Problem {
  readonly problem: string;
}

/** Reads the message twice, because the key tables may follow the entries that use them. */
function readEntries(cursor: Cursor): readonly AggregatePart[] {
  const { at: start, end } = cursor;
  const tables = readTables(cursor);
  const parts: AggregatePart[] = [];
  cursor.at = start;
  while (cursor.at < end) {
    const tag = readTag(cursor);
    if (tag !== RECORD) skipField(cursor, tag);
    else parts.push(readEntry(cursor, tables));
  }
  if (parts.length === 0) throw undecodable('it holds no event');
  return parts;
}

/** Reads the key tables, and checks that the rest is a message too. Counts the entries before any of them is kept. */
function readTables(cursor: Cursor): KeyTables {
  const { bytes, end } = cursor;
  const partitionKeys: (string | Problem)[] = [];
  const explicitHashKeys: (bigint | Problem)[] = [];
  let entries = 0;
  while (cursor.at < end) {
    const tagAt = cursor.at;
    const tag = readTag(cursor);
    if (tag === RECORD) {
      enterField(cursor);
      entries++;
    } else if (tag === PARTITION_KEY) partitionKeys.push(partitionKeyOf(bytes.subarray(enterField(cursor), cursor.at)));
    else if (tag === EXPLICIT_HASH_KEY)
      explicitHashKeys.push(hashKeyOf(bytes.toString('latin1', enterField(cursor), cursor.at)));
    else if (tag >>> 3 <= 3) throw new MalformedMessage(`field ${tag >>> 3} has wire type ${tag & 7}`, tagAt);
    else skipField(cursor, tag);
  }
  if (entries > MOST_ENTRIES)
    throw new TooManyEntries(
      'undecodable',
      `aggregated record: it has ${entries} entries, the most is ${MOST_ENTRIES}: send fewer events in one record`,
    );
  return { partitionKeys, explicitHashKeys };
}

/** Reads an entry, from just after its tag. */
function readEntry(cursor: Cursor, tables: KeyTables): AggregatePart {
  const messageEnd = cursor.end;
  const start = enterField(cursor);
  const end = cursor.at;
  cursor.at = start;
  cursor.end = end;
  try {
    const entry = readFields(cursor, tables);
    return 'problem' in entry ? { start, end, problem: entry.problem } : entry;
  } catch (error) {
    if (!(error instanceof MalformedMessage)) throw error;
    return { start, end, problem: error.message };
  } finally {
    cursor.at = end;
    cursor.end = messageEnd;
  }
}

function readFields(cursor: Cursor, tables: KeyTables): AggregatedEvent | Problem {
  let keyIndex = -1;
  let hashKeyIndex = -1;
  let start = -1;
  let end = -1;
  while (cursor.at < cursor.end) {
    const tagAt = cursor.at;
    const tag = readTag(cursor);
    if (tag === PARTITION_KEY_INDEX) keyIndex = readVarint(cursor);
    else if (tag === EXPLICIT_HASH_KEY_INDEX) hashKeyIndex = readVarint(cursor);
    else if (tag === DATA) {
      start = enterField(cursor);
      end = cursor.at;
    } else if (tag >>> 3 <= 3) throw new MalformedMessage(`field ${tag >>> 3} has wire type ${tag & 7}`, tagAt);
    else skipField(cursor, tag);
  }
  if (start === -1) return { problem: 'it has no data' };
  if (keyIndex === -1) return { problem: 'it has no partition key' };
  const partitionKey = tables.partitionKeys[keyIndex] ?? outside('partition key', keyIndex, tables.partitionKeys);
  if (typeof partitionKey === 'object') return partitionKey;
  if (hashKeyIndex === -1) return { start, end, partitionKey, explicitHashKey: undefined };
  const explicitHashKey =
    tables.explicitHashKeys[hashKeyIndex] ?? outside('explicit hash key', hashKeyIndex, tables.explicitHashKeys);
  return typeof explicitHashKey === 'object' ? explicitHashKey : { start, end, partitionKey, explicitHashKey };
}

function outside(what: string, index: number, table: readonly unknown[]): Problem {
  return { problem: `its ${what} is number ${index} of a table of ${table.length}, counted from 0` };
}

/**
 * Decodes a partition key. A replacement character in place of a byte that is not UTF-8 would change the key's hash,
 * and the event would be dropped as another shard's.
 */
function partitionKeyOf(bytes: Buffer): string | Problem {
  if (!isUtf8(bytes)) return { problem: 'its partition key is not UTF-8' };
  const key = bytes.toString();
  const fault = keyFault(key);
  return fault === undefined ? key : { problem: `its partition key ${fault.message}` };
}

function hashKeyOf(text: string): bigint | Problem {
  const value = /^\d{1,39}$/.test(text) ? BigInt(text) : -1n;
  return value >= 0n && value < 1n << 128n
    ? value
    : { problem: 'its explicit hash key is no number from 0 to 2^128 - 1' };
}

function undecodable(what: string): EventRejected {
  return new EventRejected('undecodable', `aggregated record: ${what}`);
}
