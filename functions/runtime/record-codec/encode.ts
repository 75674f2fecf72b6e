import type { OutgoingEvent } from '../event.ts';

/**
 * The event as CloudEvents JSON: the attributes first, in one fixed order, and `data` last, so that the reader finds them without
 * parsing `data`. What consecutive events of one writer share comes first, because the reader compares with the event before.
 */
export function encodeEvent(event: OutgoingEvent): Uint8Array {
  const attributes = JSON.stringify({
    specversion: '1.0',
    source: event.source,
    type: event.type,
    time: event.time,
    partitionkey: event.key,
    sequence: event.sequence,
    traceparent: event.traceparent,
    // Rare, and not in the fixed order: the reader takes the slow path to it.
    redrivenfor: event.redrivenFor,
    id: event.id,
  });
  const head = `${attributes.slice(0, -1)},"data":`;
  const headLength = Buffer.byteLength(head);
  const bytes = Buffer.allocUnsafe(headLength + event.dataBytes.length + 1);
  bytes.write(head, 'utf8');
  bytes.set(event.dataBytes, headLength);
  bytes[bytes.length - 1] = 0x7d;
  return bytes;
}
