import type { z } from 'zod';
import type { ReceivedEvent } from '../../functions/runtime/event.ts';
import { HIDDEN, hideFields, personalFields } from './hide-fields.ts';

/** What is not shown of the events of a stream. */
export interface Hiding {
  /** None: everything is shown. */
  readonly fields: ReadonlySet<string>;
  readonly schema: z.ZodType;
}

const NONE: ReadonlySet<string> = new Set();

/** Returns what `--hide-data` hides in a stream. */
export function hidingIn({ schema }: { readonly schema: z.ZodType }, hidesData: boolean): Hiding {
  return { schema, fields: hidesData ? personalFields(schema) : NONE };
}

/** Returns the data of an event without the values of personal fields. */
export function hiddenData(event: ReceivedEvent, { fields, schema }: Hiding): Uint8Array {
  if (fields.size === 0) return event.dataBytes;
  return fits(event, schema) ? hiddenIn(event.dataBytes, fields) : Buffer.from(HIDDEN);
}

/** Returns the whole event without the values of personal fields, and without its key. */
export function hiddenWhole(event: ReceivedEvent, { fields, schema }: Hiding): Uint8Array {
  if (fields.size === 0) return event.original;
  return fits(event, schema) ? hiddenIn(event.original, new Set([...fields, 'partitionkey'])) : Buffer.from(HIDDEN);
}

/** Returns the key of an event: in a stream with personal fields it may be one of them, so nobody sees it. */
export function hiddenKey({ key }: ReceivedEvent, { fields }: Hiding): string {
  return fields.size === 0 ? key : 'hidden';
}

/** In data that does not fit its schema, nobody knows where personal values are. */
function fits(event: ReceivedEvent, schema: z.ZodType): boolean {
  try {
    return schema.safeParse(event.data).success;
  } catch {
    return false;
  }
}

function hiddenIn(bytes: Uint8Array, fields: ReadonlySet<string>): Uint8Array {
  return Buffer.from(hideFields(Buffer.from(bytes).toString(), fields));
}
