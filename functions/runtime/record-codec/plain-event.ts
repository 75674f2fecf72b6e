import type { OutgoingEvent } from '../event.ts';
import { CLOSE_BRACE } from '../json/json-bytes.ts';

/**
 * Writes the bytes of `encodeEvent` for the events of most sources and transforms, straight into a record. Making a
 * string of the attributes first, and a buffer of that, took most of the time of an append.
 */

const TIME = Buffer.from(',"time":"');
const KEY = Buffer.from('","partitionkey":"');
const SEQUENCE = Buffer.from('","sequence":"');
const ID = Buffer.from('","id":"');
const DATA = Buffer.from('","data":');

/**
 * Returns the length of an event's bytes, when `writePlainEvent` can write it. -1: it has attributes that are rare, or
 * texts that JSON escapes. A key may have escapes: that of a table's row is a list.
 */
export function plainLength(event: OutgoingEvent, headOf: (event: OutgoingEvent) => string): number {
  const { id, sequence, time, key, dataBytes } = event;
  if (sequence !== id || event.traceparent !== undefined || event.encoded !== undefined) return -1;
  if (event.redrivenFor !== undefined || event.aim !== undefined) return -1;
  if (!isPlain(id) || !isPlain(time)) return -1;
  escapedKey = key;
  if (!isPlain(key)) {
    escapedKey = JSON.stringify(key).slice(1, -1);
    if (!isAscii(escapedKey)) return -1;
  }
  const { head, tail } = sharedBy(event, headOf);
  const texts = head.length + time.length + escapedKey.length + 2 * id.length + tail.length;
  return texts + TIME.length + KEY.length + SEQUENCE.length + DATA.length + dataBytes.length + 1;
}

/** Writes an event for which `plainLength` has just returned a length. Returns the offset behind it. */
export function writePlainEvent(
  bytes: Uint8Array,
  start: number,
  { id, time, type, dataBytes }: OutgoingEvent,
): number {
  const { head, tail } = last.type === type ? last : (known.get(type) as Shared);
  bytes.set(head, start);
  let at = writeBytes(bytes, start + head.length, TIME);
  at = writeText(bytes, at, time);
  bytes.set(KEY, at);
  at = writeText(bytes, at + KEY.length, escapedKey);
  at = writeBytes(bytes, at, SEQUENCE);
  const idAt = at;
  at = writeText(bytes, at, id);
  bytes.set(tail, at);
  at += tail.length;
  for (let from = idAt, end = idAt + id.length; from < end; from++) bytes[at++] = bytes[from] as number;
  at = writeBytes(bytes, at, DATA);
  bytes.set(dataBytes, at);
  at += dataBytes.length;
  bytes[at++] = CLOSE_BRACE;
  return at;
}

/** The key of the event that `plainLength` was asked about last, as JSON has it. */
let escapedKey = '';

/** What consecutive events of one writer share: source, type and schema, and the transaction that has made them. */
interface Shared {
  readonly source: string;
  readonly type: string;
  readonly dataSchema: string | undefined;
  readonly xid: string | undefined;
  readonly commitLsn: string | undefined;
  /** Everything before the time. */
  readonly head: Uint8Array;
  /** What is between the sequence and the id. */
  readonly tail: Uint8Array;
}

/** A cache of a pure function, by type: a transaction may insert, update and delete by turns. */
const known = new Map<string, Shared>();
const MOST_KNOWN = 100;
let last: Shared = {
  ...{ source: '', type: '', dataSchema: undefined, xid: undefined, commitLsn: undefined },
  ...{ head: new Uint8Array(), tail: new Uint8Array() },
};

function sharedBy(event: OutgoingEvent, headOf: (event: OutgoingEvent) => string): Shared {
  if (isOf(last, event)) return last;
  const found = known.get(event.type);
  if (found !== undefined && isOf(found, event)) {
    last = found;
    return found;
  }
  const { source, type, dataSchema, xid, commitLsn } = event;
  const transaction = [
    ...(xid === undefined ? [] : [`,"xid":${JSON.stringify(xid)}`]),
    ...(commitLsn === undefined ? [] : [`,"commitlsn":${JSON.stringify(commitLsn)}`]),
  ].join('');
  const tail = transaction === '' ? ID : Buffer.from(`"${transaction},"id":"`);
  last = { source, type, dataSchema, xid, commitLsn, head: Buffer.from(headOf(event)), tail };
  if (known.size === MOST_KNOWN) known.clear();
  known.set(type, last);
  return last;
}

function isOf(shared: Shared, { source, type, dataSchema, xid, commitLsn }: OutgoingEvent): boolean {
  const isOfTransaction = shared.xid === xid && shared.commitLsn === commitLsn;
  return shared.type === type && shared.dataSchema === dataSchema && isOfTransaction && shared.source === source;
}

/** True for a text that JSON does not escape, and whose characters are bytes. */
function isPlain(text: string): boolean {
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index);
    if (code < 0x20 || code > 0x7e || code === 0x22 || code === 0x5c) return false;
  }
  return true;
}

/** True for a text whose characters are bytes. */
function isAscii(text: string): boolean {
  for (let index = 0; index < text.length; index++) if (text.charCodeAt(index) > 0x7e) return false;
  return true;
}

function writeText(bytes: Uint8Array, start: number, text: string): number {
  for (let index = 0; index < text.length; index++) bytes[start + index] = text.charCodeAt(index);
  return start + text.length;
}

/** For a few bytes a loop is quicker than a call. */
function writeBytes(bytes: Uint8Array, start: number, from: Uint8Array): number {
  for (let index = 0; index < from.length; index++) bytes[start + index] = from[index] as number;
  return start + from.length;
}
