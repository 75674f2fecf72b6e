import { z } from 'zod';
import { EventRejected } from '../../runtime/errors.ts';
import type { Data } from '../../runtime/json/event-fields.ts';
import type { Checker, WireSchema } from '../../runtime/json/wire-schema.ts';
import type { ItemPage } from '../../runtime/source.ts';
import { type Content, type ObjectToOpen, openContent, reopenContent } from './content.ts';
import { cellReader } from './csv-cells.ts';
import { lineBreakOf } from './csv-line-break.ts';
import { csvRowsWith } from './csv-rows.ts';
import { pagesOf } from './item-pages.ts';
import { acceptsArrays, findArray } from './json-array.ts';
import { readElements } from './json-elements.ts';
import { ndjsonRows } from './ndjson-rows.ts';
import { type EventFields, rowEvents } from './row-events.ts';
import { bytesOf, type Row, type RowBatch, type RowPosition, readRows } from './rows.ts';

/** The position just after a row, in the decompressed content. */
export const ObjectPosition = z.strictObject({
  offset: z.int().nonnegative(),
  line: z.int().positive(),
  skipping: z.literal(true).exactOptional(),
  /** True just after an element of a file that is one JSON array. */
  array: z.literal(true).exactOptional(),
  /** Undefined when the content is not compressed. */
  compression: z.enum(['gzip', 'zstd']).exactOptional(),
});
export type ObjectPosition = z.infer<typeof ObjectPosition>;

/** An object, and how its rows become events. */
export interface ObjectToRead extends ObjectToOpen {
  readonly format: 'csv' | 'ndjson';
  readonly schema: WireSchema;
  readonly check: Checker;
  readonly fields: EventFields;
}

/** Yields the pages of an object from a position on; undefined is its start. */
export async function* readObject(
  object: ObjectToRead,
  position: ObjectPosition | undefined,
): AsyncGenerator<ItemPage<ObjectPosition>> {
  if (object.format === 'ndjson') {
    yield* pages(object, await openNdjson(object, position));
  } else {
    const opened = await openCsv(object, position);
    if (opened !== undefined) yield* pages(object, opened);
  }
}

interface OpenRows<T> {
  readonly content: Content;
  readonly from: RowPosition;
  readonly batches: AsyncIterable<RowBatch<T>>;
  dataOf(row: Row<T>, content: T): Data;
}

async function* pages<T>(object: ObjectToRead, opened: OpenRows<T>): AsyncGenerator<ItemPage<ObjectPosition>> {
  const { content, from, batches, dataOf } = opened;
  const { compression, lastModified } = content;
  const resultOf = rowEvents({ ...object, lastModified }, dataOf);
  for await (const page of pagesOf(batches, from, resultOf)) {
    // Rows that arrived before the signal aborted must not keep the invocation running.
    object.signal.throwIfAborted();
    yield { ...page, position: { ...page.position, ...(compression === undefined ? {} : { compression }) } };
  }
}

async function openNdjson(
  object: ObjectToRead,
  position: ObjectPosition | undefined,
): Promise<OpenRows<{ readonly json: unknown }>> {
  const content = await contentAt(object, position);
  const from = rowPosition(content, position);
  const { isArray, chunks } = await arrayAt(object, content, position);
  return {
    content,
    from,
    batches: isArray ? readElements(chunks, from) : readRows(chunks, ndjsonRows, from),
    dataOf: (row, { json }) => ({ value: json, bytes: bytesOf(row) }),
  };
}

/** Tells whether the object is one JSON array. Its start shows that, and each position in it says so. */
async function arrayAt(
  { schema }: ObjectToRead,
  { chunks }: Content,
  position: ObjectPosition | undefined,
): Promise<{ readonly isArray: boolean; readonly chunks: AsyncIterable<Buffer> }> {
  if (position !== undefined) return { isArray: position.array === true, chunks };
  return acceptsArrays(schema) ? { isArray: false, chunks } : findArray(chunks);
}

/**
 * Opens a CSV file at a position. The header is read again from the start of the same content. Resolves to undefined
 * when the file has no header, and so no rows.
 */
async function openCsv(
  object: ObjectToRead,
  position: ObjectPosition | undefined,
): Promise<OpenRows<readonly string[]> | undefined> {
  const beginning = await openContent(object);
  const { lineBreak, chunks } = await lineBreakOf(beginning.chunks);
  const format = csvRowsWith(lineBreak);
  const batches = readRows(chunks, format, rowPosition(beginning, undefined));
  try {
    const first = await firstRow(batches);
    if (first === undefined) return undefined;
    const cellsOf = cellReader(object.schema, headerOf(first.row));
    const dataOf = (_: unknown, cells: readonly string[]): Data => {
      const { json, value } = cellsOf(cells);
      return { value, bytes: Buffer.from(json) };
    };
    if (position === undefined) {
      return { content: beginning, from: first.row.next, batches: chained(first.rest, batches), dataOf };
    }
    await batches.return(undefined);
    const content = await contentAt(object, position);
    const from = rowPosition(content, position);
    return { content, from, batches: readRows(content.chunks, format, from), dataOf };
  } catch (error) {
    await batches.return(undefined);
    throw error;
  }
}

function contentAt(object: ObjectToOpen, position: ObjectPosition | undefined): Promise<Content> {
  if (position === undefined) return openContent(object);
  return reopenContent(object, { offset: position.offset, compression: position.compression });
}

function rowPosition({ offset }: Content, position: ObjectPosition | undefined): RowPosition {
  if (position === undefined) return { offset, line: 1 };
  const { compression: _, ...row } = position;
  return row;
}

type CsvBatch = RowBatch<readonly string[]>;

async function firstRow(
  batches: AsyncGenerator<CsvBatch>,
): Promise<{ readonly row: Row<readonly string[]>; readonly rest: CsvBatch } | undefined> {
  for (;;) {
    const batch = await batches.next();
    if (batch.done) return undefined;
    const [row, ...rows] = batch.value.rows;
    if (row !== undefined) return { row, rest: { rows, next: batch.value.next } };
  }
}

function headerOf({ content }: Row<readonly string[]>): readonly string[] {
  if (content instanceof EventRejected)
    throw new EventRejected(content.reason, `the header cannot be read: ${content.message}`);
  return content;
}

async function* chained(first: CsvBatch, rest: AsyncGenerator<CsvBatch>): AsyncGenerator<CsvBatch> {
  try {
    yield first;
    yield* rest;
  } finally {
    await rest.return(undefined);
  }
}
