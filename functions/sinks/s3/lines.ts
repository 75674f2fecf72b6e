import type { ReceivedEvent } from '../../runtime/event.ts';
import { onOneLine } from '../../runtime/json/json-bytes.ts';
import type { S3Options } from './options.ts';

/** Makes the event's line, without the line feed. */
export function lineOf(event: ReceivedEvent, lines: S3Options['lines']): Uint8Array {
  return lines === 'event' ? event.bytes : onOneLine(event.dataBytes);
}
<<<<<<< HEAD
=======

/**
 * Replaces line breaks by blanks. JSON has line breaks only between tokens, where a blank means the same. Carriage
 * returns count too, because some readers end a line there.
 */
function onOneLine(json: Uint8Array): Uint8Array {
  if (!json.includes(LINE_FEED) && !json.includes(CARRIAGE_RETURN)) return json;
  return json.map((byte) => (byte === LINE_FEED || byte === CARRIAGE_RETURN ? BLANK : byte));
}

export const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;
const BLANK = 0x20;
>>>>>>> 2dd6cd0 (connectors: plain English in comments, errors, options and test names; the word is rejection)
