import { EventRejected } from '../../errors.ts';
import { HAS_ESCAPE, HAS_EXPONENT, HAS_FRACTION } from '../scan/scan-memory.ts';

/** The columns of one event as ranges of bytes. */
export interface ColumnRanges {
  readonly columns: readonly string[];
  /** The bytes that the ranges are in: the scanner's memory, or what the slow way wrote. */
  bytes: Buffer;
  /** Of the same bytes. */
  view: DataView;
  /** Where each column's value is; -1 when the event does not have it. */
  starts: Int32Array;
  ends: Int32Array;
  /** Where each column's key starts, or -1: for copying neighbours together with their keys. */
  keys: Int32Array;
  /** What was seen in the value: `HAS_ESCAPE` and others. */
  seen: Int32Array;
  /** Whether there may be anything but ASCII in the event. */
  high: boolean;
}

type Reviver = (this: unknown, ...entry: [key: string, value: unknown, context: { source?: string }]) => unknown;
const { rawJSON, isRawJSON } = JSON as unknown as {
  rawJSON: (source: string) => unknown;
  isRawJSON: (value: unknown) => boolean;
};

/** Numbers keep their text, so that nothing is rounded. */
const exactNumbers: Reviver = (...[, value, context]) =>
  typeof value === 'number' ? rawJSON(context.source ?? String(value)) : value;

/**
 * Reads an event through JSON.parse and lays its columns out as if they had been scanned. Refuses what is not a JSON
 * object.
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
  // A number that keeps its text is an object to JavaScript.
  if (typeof data !== 'object' || data === null || Array.isArray(data) || isRawJSON(data))
    throw new EventRejected('schema', "the event's data is not a JSON object");
  return data as Record<string, unknown>;
}
