import { EventRejected } from '../../errors.ts';
import { HAS_ESCAPE, HAS_EXPONENT, HAS_FRACTION } from '../scan/scan-memory.ts';

/** The columns of one event, as ranges of bytes. */
export interface ColumnRanges {
  readonly columns: readonly string[];
  /** The bytes that the ranges refer to: the scanner's memory, or a buffer that the slow path wrote. */
  bytes: Buffer;
  /** A view of the same bytes. */
  view: DataView;
  /** The start of each column's value; -1 if the event does not have the column. */
  starts: Int32Array;
  ends: Int32Array;
  /** The start of each column's key, or -1. Used to copy neighbouring columns together with their keys. */
  keys: Int32Array;
  /** Flags of each value: `HAS_ESCAPE`, `HAS_FRACTION`, `HAS_EXPONENT`. */
  seen: Int32Array;
  /** Whether the event may contain bytes beyond ASCII. */
  high: boolean;
}

type Reviver = (this: unknown, ...entry: [key: string, value: unknown, context: { source?: string }]) => unknown;
const { rawJSON, isRawJSON } = JSON as unknown as {
  rawJSON: (source: string) => unknown;
  isRawJSON: (value: unknown) => boolean;
};

/** Keeps the text of each number, so that JSON.parse does not round it. */
const exactNumbers: Reviver = (...[, value, context]) =>
  typeof value === 'number' ? rawJSON(context.source ?? String(value)) : value;

/**
 * Reads an event with JSON.parse and writes its columns to a buffer, so that the row looks as if it had been scanned.
 * Throws `EventRejected` if the event is not a JSON object.
 */
export function readSlowly(row: ColumnRanges, event: Uint8Array): void {
  const data = parse(event);
  let size = 0;
  const texts = row.columns.map((name) =>
    Object.hasOwn(data, name) ? Buffer.from(JSON.stringify(data[name]), 'utf8') : undefined,
  );
  for (const text of texts) size += text?.length ?? 0;
  const bytes = Buffer.allocUnsafe(size);
  let at = 0;
  for (const [column, text] of texts.entries()) {
    row.keys[column] = -1;
    row.starts[column] = text === undefined ? -1 : at;
    if (text === undefined) continue;
    at += text.copy(bytes, at);
    row.ends[column] = at;
    row.seen[column] = seenIn(text);
  }
  row.bytes = bytes;
  row.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  row.high = true;
}

function seenIn(value: Buffer): number {
  const escaped = value.includes('\\') ? HAS_ESCAPE : 0;
  if (value[0] === 0x22) return escaped;
  const fraction = value.includes('.') ? HAS_FRACTION : 0;
  return escaped | fraction | (value.includes('e') || value.includes('E') ? HAS_EXPONENT : 0);
}

function parse(bytes: Uint8Array): Record<string, unknown> {
  let data: unknown;
  try {
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
    data = JSON.parse(text, exactNumbers as (key: string, value: unknown) => unknown);
  } catch (error) {
    throw new EventRejected('undecodable', `the event's data is not JSON: ${(error as Error).message}`);
  }
  // A number that keeps its text (`JSON.rawJSON`) is an object in JavaScript.
  if (typeof data !== 'object' || data === null || Array.isArray(data) || isRawJSON(data))
    throw new EventRejected('schema', "the event's data is not a JSON object");
  return data as Record<string, unknown>;
}
