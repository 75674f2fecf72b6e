import type { ReceivedEvent } from '../../runtime/event.ts';
import type { S3Options } from './options.ts';

/** The event's line, without its end. */
export function lineOf(event: ReceivedEvent, lines: S3Options['lines']): Uint8Array {
  return onOneLine(lines === 'event' ? event.bytes : event.dataBytes);
}

/**
 * JSON has line breaks between its tokens only, where a blank is the same. Some readers of lines end one at a carriage
 * return.
 */
function onOneLine(json: Uint8Array): Uint8Array {
  if (!json.includes(LINE_FEED) && !json.includes(CARRIAGE_RETURN)) return json;
  return json.map((byte) => (byte === LINE_FEED || byte === CARRIAGE_RETURN ? BLANK : byte));
}

export const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;
const BLANK = 0x20;
