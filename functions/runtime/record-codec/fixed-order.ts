import { LONGEST_KEY, SCHEMA_OF } from '../event.ts';
import { BACKSLASH, CLOSE_BRACE, QUOTE } from '../json/json-bytes.ts';
import { skipPlainTimestamp } from '../json/timestamp.ts';
import type { EventLayout } from './event-view.ts';
import { skipValue } from './json-scan.ts';
import type { EventBytes } from './record.ts';

/** The bytes before the time, which consecutive events of one writer share. */
export interface SharedHead {
  readonly buffer: Buffer;
  readonly start: number;
  readonly length: number;
  readonly source: string;
  readonly type: string;
  readonly dataSchema: string | undefined;
}

/** The layout of an event, and the head that it shares with the next one. */
export interface FixedOrderEvent {
  readonly head: SharedHead;
  readonly layout: EventLayout;
}

/**
 * Reads an event whose attributes are in the order and form that `encodeEvent` writes, all in plain ASCII. Returns
 * undefined for any other bytes, valid or not: `readAnyOrder` then reads them.
 */
export function readFixedOrder(entry: EventBytes, previous: SharedHead | undefined): FixedOrderEvent | undefined {
  const { buffer, start, end } = entry;
  const head = previous && repeats(previous, entry) ? previous : readHead(entry);
  if (!head) return undefined;

  const time = start + head.length;
  const keyStart = skipText(buffer, skipPlainTimestamp(buffer, time), PARTITION_KEY);
  let at = skipPlain(buffer, keyStart);
  // In ASCII, a character is a byte.
  if (at < 0 || at - keyStart > LONGEST_KEY) return undefined;
  // The key is nearly always the one that the event was put with. Its text exists already then.
  const key = isPartitionKey(entry, keyStart, at) ? entry.partitionKey : keyStart;
  let sequence: number | undefined;
  let traceparent: number | undefined;
  let xid: number | undefined;
  let commitLsn: number | undefined;
  if (buffer[at + 3] === 0x73) {
    sequence = skipText(buffer, at, SEQUENCE);
    at = skipPlain(buffer, sequence);
  }
  if (buffer[at + 3] === 0x74) {
    traceparent = skipText(buffer, at, TRACEPARENT);
    at = skipPlain(buffer, traceparent);
  }
  if (buffer[at + 3] === 0x78) {
    xid = skipText(buffer, at, XID);
    at = skipPlain(buffer, xid);
  }
  if (buffer[at + 3] === 0x63) {
    commitLsn = skipText(buffer, at, COMMIT_LSN);
    at = skipPlain(buffer, commitLsn);
  }
  const id = skipText(buffer, at, ID);
  const dataStart = skipText(buffer, skipPlain(buffer, id), DATA);
  if (dataStart < 0) return undefined;

  const dataEnd = skipValue(buffer, dataStart, 0);
  // Reading leaves no gap. So when the last brace is the event's last byte, nothing past the event was read.
  if (dataEnd !== end - 1 || buffer[dataEnd] !== CLOSE_BRACE) return undefined;
  const { source, type, dataSchema } = head;
  return {
    head,
    layout: {
      id,
      source,
      type,
      time,
      key,
      sequence,
      traceparent,
      dataSchema,
      xid,
      commitLsn,
      buffer,
      start,
      end,
      dataStart,
      dataEnd,
    },
  };
}

/** Texts between two values. Each begins with the closing quote of the value before it. */
const SOURCE = Buffer.from('{"specversion":"1.0","source":"');
const TYPE = Buffer.from('","type":"');
const DATA_SCHEMA = Buffer.from(`","dataschema":"${SCHEMA_OF}`);
const TIME = Buffer.from('","time":"');
const PARTITION_KEY = Buffer.from('","partitionkey":"');
const SEQUENCE = Buffer.from('","sequence":"');
const TRACEPARENT = Buffer.from('","traceparent":"');
const XID = Buffer.from('","xid":"');
const COMMIT_LSN = Buffer.from('","commitlsn":"');
const ID = Buffer.from('","id":"');
const DATA = Buffer.from('","data":');

function repeats(previous: SharedHead, { buffer, start }: EventBytes): boolean {
  const { length, start: previousStart, buffer: previousBuffer } = previous;
  for (let index = 0; index < length; index++) {
    if (buffer[start + index] !== previousBuffer[previousStart + index]) return false;
  }
  return true;
}

function readHead({ buffer, start }: EventBytes): SharedHead | undefined {
  const source = skipText(buffer, start, SOURCE);
  const sourceEnd = skipPlain(buffer, source);
  const type = skipText(buffer, sourceEnd, TYPE);
  const typeEnd = skipPlain(buffer, type);
  const dataSchema = skipText(buffer, typeEnd, DATA_SCHEMA);
  const end = dataSchema < 0 ? typeEnd : skipPlain(buffer, dataSchema);
  const time = skipText(buffer, end, TIME);
  if (time < 0) return undefined;
  const texts = {
    dataSchema: dataSchema < 0 ? undefined : SCHEMA_OF + buffer.toString('latin1', dataSchema, end),
    source: buffer.toString('latin1', source, sourceEnd),
    type: buffer.toString('latin1', type, typeEnd),
  };
  return { buffer, start, length: time - start, ...texts };
}

/**
 * All functions below return the offset just after what they expect. They return -1 when that is not there, or when the
 * offset that they get is -1 already.
 */
function skipText(buffer: Buffer, offset: number, text: Buffer): number {
  if (offset < 0) return -1;
  for (let index = 0; index < text.length; index++) {
    if (buffer[offset + index] !== text[index]) return -1;
  }
  return offset + text.length;
}

/** Skips a text of one character or more, to its closing quote. */
function skipPlain(buffer: Buffer, offset: number): number {
  if (offset < 0) return -1;
  let at = offset;
  let byte = buffer[at];
  while (byte !== undefined && byte >= 0x20 && byte < 0x7f && byte !== QUOTE && byte !== BACKSLASH) byte = buffer[++at];
  return byte === QUOTE && at > offset ? at : -1;
}

/** Returns true when [start, end), all ASCII, is the partition key. */
function isPartitionKey({ buffer, partitionKey }: EventBytes, start: number, end: number): boolean {
  if (end - start !== partitionKey.length) return false;
  for (let index = 0; index < partitionKey.length; index++) {
    if (buffer[start + index] !== partitionKey.charCodeAt(index)) return false;
  }
  return true;
}
