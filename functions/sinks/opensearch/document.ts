import type { ReceivedEvent } from '../../runtime/event.ts';
import { OPEN_BRACE } from '../../runtime/json/json-bytes.ts';
import { memberRanges, skipSpace } from '../../runtime/json/json-ranges.ts';
import { DELETED, EXPIRES, OWNER } from './mapping.ts';
import { OWN_DOCUMENT } from './own-index.ts';

/** OpenSearch's limit for an id (bulk API). */
const MOST_ID_BYTES = 512;

/** Says why a text cannot be the id of a document. Undefined: it can. */
export function whyNoId(id: string): string | undefined {
  const bytes = Buffer.byteLength(id);
  if (bytes === 0 || bytes > MOST_ID_BYTES)
    return `its key has ${bytes} bytes, and OpenSearch takes 1 to ${MOST_ID_BYTES}`;
  if (!id.isWellFormed()) return 'its key has half a character, which OpenSearch does not take';
  return id === OWN_DOCUMENT ? `its key is '${id}', which is the sink's own document` : undefined;
}

/**
 * Makes the document of an event: its data as it is, so that numbers keep their digits; of an event of a type that ends
 * with `.deleted`, a tombstone.
 */
export function sourceOf(
  { type, dataBytes }: ReceivedEvent,
  { expiresMillis }: { readonly expiresMillis: number },
): { readonly bytes: Uint8Array } | { readonly message: string } {
  if (type.endsWith('.deleted')) return { bytes: tombstone(expiresMillis) };
  if (dataBytes[skipSpace(dataBytes, 0)] !== OPEN_BRACE)
    return { message: 'its data is no object, and a document is made of an object' };
  const own = mayHaveOwn(dataBytes) ? OWN_FIELDS.find((name) => memberRanges(dataBytes).has(name)) : undefined;
  return own === undefined ? { bytes: dataBytes } : { message: `it has a field '${own}', which is the sink's own` };
}

const OWN_FIELDS = [DELETED, EXPIRES, OWNER];

/** Tells whether a name of the sink's own may be in the data. A name that is written with escapes needs a backslash. */
function mayHaveOwn(dataBytes: Uint8Array): boolean {
  const data = Buffer.from(dataBytes.buffer, dataBytes.byteOffset, dataBytes.length);
  return data.includes('millrace_') || data.includes('\\u');
}

function tombstone(expiresMillis: number): Uint8Array {
  return Buffer.from(JSON.stringify({ [DELETED]: true, [EXPIRES]: new Date(expiresMillis).toISOString() }));
}
