import type { OutgoingEvent } from '../event.ts';
import { CLOSE_BRACE } from '../json/json-bytes.ts';

/**
 * The event as CloudEvents JSON: the attributes first, in one fixed order, and `data` last, so that the reader finds
 * them without parsing `data`. What consecutive events of one writer share comes first, because the reader compares
 * with the event before.
 */
export function encodeEvent(event: OutgoingEvent): Uint8Array {
  const { time, key, sequence, traceparent, redrivenFor, id } = event;
  let head = `${sharedHead(event)},"time":${quoted(time)},"partitionkey":${quoted(key)}`;
  // A transform's events are called by their sequence.
  const quotedId = quoted(id);
  if (sequence !== undefined) head += `,"sequence":${sequence === id ? quotedId : quoted(sequence)}`;
  if (traceparent !== undefined) head += `,"traceparent":${quoted(traceparent)}`;
  // Rare, and not in the fixed order: the reader takes the slow path to it.
  if (redrivenFor !== undefined) head += `,"redrivenfor":${quoted(redrivenFor)}`;
  head += `,"id":${quotedId},"data":`;
  const headLength = Buffer.byteLength(head);
  const bytes = Buffer.allocUnsafe(headLength + event.dataBytes.length + 1);
  bytes.write(head, 'utf8');
  bytes.set(event.dataBytes, headLength);
  bytes[bytes.length - 1] = CLOSE_BRACE;
  return bytes;
}

/**
 * Hot path: consecutive events of one writer have one source and one type, so what is made of them is kept for the
 * next.
 */
let last: { readonly source: string; readonly type: string; readonly head: string } | undefined;

function sharedHead({ source, type }: OutgoingEvent): string {
  if (last?.source !== source || last.type !== type) last = { source, type, head: headOf(source, type) };
  return last.head;
}

function headOf(source: string, type: string): string {
  return `{"specversion":"1.0","source":${quoted(source)},"type":${quoted(type)}`;
}

function quoted(text: string): string {
  return PLAIN.test(text) ? `"${text}"` : JSON.stringify(text);
}

/** What JSON holds as it is. */
const PLAIN = /^[ !#-[\]-~]*$/;
