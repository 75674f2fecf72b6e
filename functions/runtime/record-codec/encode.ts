import type { OutgoingEvent } from '../event.ts';
import { CLOSE_BRACE } from '../json/json-bytes.ts';
import { writtenAim } from './aim.ts';

/**
 * Encodes an event as CloudEvents JSON. The attributes come first, in one fixed order, and `data` last, so that the
 * reader finds the attributes without parsing `data`. The attributes that consecutive events of one writer share come
 * before all others, because the reader compares each event with the one before.
 */
export function encodeEvent(event: OutgoingEvent): Uint8Array {
  if (event.encoded !== undefined) return event.encoded;
  const { time, key, sequence, traceparent, xid, commitLsn, redrivenFor, redrivenFrom, lateAt, aim, id } = event;
  let head = `${sharedHead(event)},"time":${quoted(time)},"partitionkey":${quoted(key)}`;
  // The id of a transform's event is its sequence.
  const quotedId = quoted(id);
  if (sequence !== undefined) head += `,"sequence":${sequence === id ? quotedId : quoted(sequence)}`;
  if (traceparent !== undefined) head += `,"traceparent":${quoted(traceparent)}`;
  if (xid !== undefined) head += `,"xid":${quoted(xid)}`;
  if (commitLsn !== undefined) head += `,"commitlsn":${quoted(commitLsn)}`;
  // Rare, and not in the fixed order: the reader takes the slow path.
  if (redrivenFor !== undefined) head += `,"redrivenfor":${quoted(redrivenFor)}`;
  if (redrivenFrom !== undefined) head += `,"redrivenfrom":${quoted(redrivenFrom)}`;
  if (lateAt !== undefined) head += `,"lateat":${quoted(lateAt)}`;
  if (aim !== undefined) head += `,"aim":"${writtenAim(aim)}"`;
  head += `,"id":${quotedId},"data":`;
  const headLength = Buffer.byteLength(head);
  const bytes = Buffer.allocUnsafe(headLength + event.dataBytes.length + 1);
  bytes.write(head, 'utf8');
  bytes.set(event.dataBytes, headLength);
  bytes[bytes.length - 1] = CLOSE_BRACE;
  return bytes;
}

/**
 * The shared beginning of the last event. Consecutive events of one writer have one source and one type, and this is a
 * hot path.
 */
let last: (Shared & { readonly head: string }) | undefined;

type Shared = Pick<OutgoingEvent, 'source' | 'type' | 'dataSchema'>;

export function sharedHead({ source, type, dataSchema }: OutgoingEvent): string {
  if (last?.source !== source || last.type !== type || last.dataSchema !== dataSchema)
    last = { source, type, dataSchema, head: headOf({ source, type, dataSchema }) };
  return last.head;
}

function headOf({ source, type, dataSchema }: Shared): string {
  const version = dataSchema === undefined ? '' : `,"dataschema":${quoted(dataSchema)}`;
  return `{"specversion":"1.0","source":${quoted(source)},"type":${quoted(type)}${version}`;
}

function quoted(text: string): string {
  return PLAIN.test(text) ? `"${text}"` : JSON.stringify(text);
}

/** Matches texts that JSON does not escape. */
const PLAIN = /^[ !#-[\]-~]*$/;
