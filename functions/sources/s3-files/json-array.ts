import { OPEN_BRACKET } from '../../runtime/json/json-bytes.ts';
import type { WireSchema } from '../../runtime/json/wire-schema.ts';
import { chained, failing } from './chunks.ts';
import { resolved } from './csv-cells.ts';
import { LINE_FEED, LONGEST_ROW_BYTES } from './rows.ts';

/**
 * Tells whether content that begins with these bytes is one JSON array, and not lines of JSON; undefined if that takes
 * more bytes. Content is lines if its first line is an array by itself and more lines follow it.
 */
export function isOneArray(head: Buffer, isAll: boolean): boolean | undefined {
  const isEnough = isAll || head.length >= LONGEST_ROW_BYTES;
  const start = afterSpace(head, 0);
  if (start === head.length) return isEnough ? false : undefined;
  if (head[start] !== OPEN_BRACKET) return false;
  const lineFeed = head.indexOf(LINE_FEED, start);
  if (lineFeed < 0) return isEnough ? true : undefined;
  if (!isJson(head.subarray(start, lineFeed))) return true;
  if (afterSpace(head, lineFeed) < head.length) return false;
  return isEnough ? true : undefined;
}

/** Tells whether content is one JSON array. Resolves also to all chunks, which a reader that stops early closes. */
export async function findArray(
  chunks: AsyncIterable<Buffer>,
): Promise<{ readonly isArray: boolean; readonly chunks: AsyncIterable<Buffer> }> {
  const rest = chunks[Symbol.asyncIterator]();
  let read: Buffer[] = [];
  let bytes = 0;
  let wantedBytes = 0;
  try {
    for (;;) {
      const next = await rest.next();
      if (!next.done) {
        read.push(next.value);
        bytes += next.value.length;
        // Each byte is looked at a few times at most, not with every chunk.
        if (bytes < wantedBytes) continue;
      }
      const head = Buffer.concat(read);
      const isArray = isOneArray(head, next.done === true);
      if (isArray !== undefined) return { isArray, chunks: chained([head], rest) };
      read = [head];
      wantedBytes = 2 * bytes;
    }
  } catch (error) {
    // What was read before the damage has rows: they come before the error.
    const head = Buffer.concat(read);
    return { isArray: isOneArray(head, true) ?? false, chunks: chained([head], failing(error)) };
  }
}

/** Tests whether an array can be a row: then a file of arrays is read line by line. */
export function acceptsArrays(schema: WireSchema): boolean {
  return canBeArray(schema, schema);
}

function canBeArray(root: WireSchema, field: WireSchema | boolean): boolean {
  if (typeof field === 'boolean') return field;
  const { type, anyOf, oneOf, allOf, enum: values, const: value } = resolved(root, field);
  if (values !== undefined) return values.some(Array.isArray);
  if (value !== undefined) return Array.isArray(value);
  if (type !== undefined) return [type].flat().includes('array');
  if (allOf !== undefined) return allOf.every((part) => canBeArray(root, part));
  return (anyOf ?? oneOf)?.some((part) => canBeArray(root, part)) ?? true;
}

function isJson(bytes: Buffer): boolean {
  try {
    JSON.parse(bytes.toString('utf8'));
    return true;
  } catch {
    return false;
  }
}

/** Returns the place of the first byte from `from` on that is not white space, or the length of the block. */
export function afterSpace(block: Buffer, from: number): number {
  let at = from;
  while (isSpace(block[at])) at += 1;
  return at;
}

export const isSpace = (byte: number | undefined): boolean =>
  byte === 0x20 || byte === LINE_FEED || byte === 0x0d || byte === 0x09;
