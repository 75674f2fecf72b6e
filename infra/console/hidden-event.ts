import type { ReceivedEvent } from '../../functions/runtime/event.ts';
import { hideFields } from './hide-fields.ts';

/** Returns data of an event without the values of these fields. */
export function hiddenIn(bytes: Uint8Array, fields: ReadonlySet<string>): Uint8Array {
  return fields.size === 0 ? bytes : Buffer.from(hideFields(Buffer.from(bytes).toString(), fields));
}

/** Returns the whole event without the values of these fields, and without its key. */
export function hiddenWhole({ original }: ReceivedEvent, fields: ReadonlySet<string>): Uint8Array {
  return fields.size === 0 ? original : hiddenIn(original, new Set([...fields, 'partitionkey']));
}

/** Returns the key of an event: in a stream with personal fields it may be one of them, so nobody sees it. */
export function hiddenKey({ key }: ReceivedEvent, fields: ReadonlySet<string>): string {
  return fields.size === 0 ? key : 'hidden';
}
