import type { ReceivedEvent } from '../../runtime/event.ts';
import { onOneLine } from '../../runtime/json/json-bytes.ts';
import type { S3Options } from './options.ts';

/** Returns the bytes of the event's line, without the line feed. */
export function lineLength(event: ReceivedEvent, lines: S3Options['lines']): number {
  return lines === 'event' ? event.bytes.length : event.dataBytes.length;
}

/** Makes the event's line, without the line feed. */
export function lineOf(event: ReceivedEvent, lines: S3Options['lines']): Uint8Array {
  return lines === 'event' ? event.bytes : onOneLine(event.dataBytes);
}
