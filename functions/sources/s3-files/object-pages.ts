import { z } from 'zod';
import { EventRejected } from '../../runtime/errors.ts';
import type { Data } from '../../runtime/json/event-fields.ts';
import type { Checker, WireSchema } from '../../runtime/json/wire-schema.ts';
import type { ItemPage } from '../../runtime/source.ts';
import { type Content, openContent, type Place, reopenContent } from './content.ts';
import { cellReader } from './csv-cells.ts';
import { csvRows } from './csv-rows.ts';
import { pagesOf } from './item-pages.ts';
import { ndjsonRows } from './ndjson-rows.ts';
import { type EventFields, rowEvents } from './row-events.ts';
import { bytesOf, type Row, type RowBatch, type RowPosition, readRows } from './rows.ts';

/** Just after a row, in the decompressed content. */
export const ObjectPosition = z.strictObject({
  offset: z.int().nonnegative(),
  line: z.int().positive(),
  skipping: z.literal(true).exactOptional(),
  /** Missing when the content is not compressed. */
  compression: z.enum(['gzip', 'zstd']).exactOptional(),
});
export type ObjectPosition = z.infer<typeof ObjectPosition>;

export interface Reading extends Place {
  readonly format: 'csv' | 'ndjson';
  readonly schema: WireSchema;
  readonly check: Checker;
  readonly fields: EventFields;
}

/** The pages of an object, from a position on: undefined is its start. */
export async function* readObject(
  reading: Reading,
  position: ObjectPosition | undefined,
): AsyncGenerator<ItemPage<ObjectPosition>> {
  if (reading.format === 'ndjson') {
    yield* pages(reading, await openNdjson(reading, position));
  } else {
    const opened = await openCsv(reading, position);
    if (opened !== undefined) yield* pages(reading, opened);
  }
}

interface OpenRows<T> {
  readonly content: Content;
  readonly from: RowPosition;
  readonly batches: AsyncIterable<RowBatch<T>>;
  dataOf(row: Row<T>, content: T): Data;
}

async function* pages<T>(reading: Reading, opened: OpenRows<T>): AsyncGenerator<ItemPage<ObjectPosition>> {
  const { content, from, batches, dataOf } = opened;
  const { compression, lastModified } = content;
  const resultOf = rowEvents({ ...reading, lastModified }, dataOf);
  for await (const page of pagesOf(batches, from, resultOf)) {
    // What has arrived before the signal aborted is no reason to go on.
    reading.signal.throwIfAborted();
    yield { ...page, position: { ...page.position, ...(compression === undefined ? {} : { compression }) } };
  }
}

async function openNdjson(
  reading: Reading,
  position: ObjectPosition | undefined,
): Promise<OpenRows<{ readonly json: unknown }>> {
  const content = await contentAt(reading, position);
  const from = rowPosition(content, position);
  return {
    content,
    from,
    batches: readRows(content.chunks, ndjsonRows, from),
    dataOf: (row, { json }) => ({ value: json, bytes: bytesOf(row) }),
  };
}

/**
 * A position in a CSV file does not repeat the header: it is read again, from the same content. Undefined: there is no
 * header, and so no row.
 */
async function openCsv(
  reading: Reading,
  position: ObjectPosition | undefined,
): Promise<OpenRows<readonly string[]> | undefined> {
  const beginning = await openContent(reading);
  const batches = readRows(beginning.chunks, csvRows, rowPosition(beginning, undefined));
  try {
    const first = await firstRow(batches);
    if (first === undefined) return undefined;
    const cellsOf = cellReader(reading.schema, headerOf(first.row));
    const dataOf = (_: unknown, cells: readonly string[]): Data => {
      const { json, value } = cellsOf(cells);
      return { value, bytes: Buffer.from(json) };
    };
    if (position === undefined) {
      return { content: beginning, from: first.row.next, batches: chained(first.rest, batches), dataOf };
    }
    await batches.return(undefined);
    const content = await contentAt(reading, position);
    const from = rowPosition(content, position);
    return { content, from, batches: readRows(content.chunks, csvRows, from), dataOf };
  } catch (error) {
    await batches.return(undefined);
    throw error;
  }
}

function contentAt(place: Place, position: ObjectPosition | undefined): Promise<Content> {
  if (position === undefined) return openContent(place);
  return reopenContent(place, { offset: position.offset, compression: position.compression });
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
