import { EventRejected } from '../../runtime/errors.ts';
import type { Rejection } from '../../runtime/rejection.ts';
import type { ItemPage } from '../../runtime/source.ts';
import type { RowEvent, RowResult } from './row-events.ts';
import type { Row, RowBatch, RowPosition } from './rows.ts';

/**
 * A page ends at the first limit it reaches. Its rejections become one object of dead letters; reading stops only
 * between pages.
 */
const MOST_BYTES = 1024 * 1024;
const MOST_EVENTS = 2_000;
const MOST_REJECTIONS = 10_000;
/**
 * After this distance a page ends even if it is empty, so that no invocation reads an endless line again from its
 * start.
 */
const LONGEST_PAGE_BYTES = 16 * 1024 * 1024;

/**
 * Gathers rows into pages of a bounded size. When the content turns out to be damaged or gone, it first yields the rows
 * before that as a page, and then throws the `EventRejected`.
 */
export async function* pagesOf<T>(
  batches: AsyncIterable<RowBatch<T>>,
  from: RowPosition,
  resultOf: (row: Row<T>) => RowResult,
): AsyncGenerator<ItemPage<RowPosition>> {
  let position = from;
  let page = emptyPage(from);
  const taken = (): ItemPage<RowPosition> => {
    const { events, rejections } = page;
    page = emptyPage(position);
    return { events, rejections, position };
  };

  try {
    for await (const { rows, next } of batches) {
      for (const row of rows) {
        add(page, resultOf(row));
        position = row.next;
        if (isFull(page)) yield taken();
      }
      position = next;
      if (position.offset - page.start >= LONGEST_PAGE_BYTES) yield taken();
    }
  } catch (error) {
    if (error instanceof EventRejected && !isEmpty(page)) yield taken();
    throw error;
  }
  if (!isEmpty(page)) yield taken();
}

interface Page {
  readonly start: number;
  readonly events: RowEvent[];
  readonly rejections: Rejection[];
  bytes: number;
}

function emptyPage({ offset }: RowPosition): Page {
  return { start: offset, events: [], rejections: [], bytes: 0 };
}

function add(page: Page, result: RowResult): void {
  if ('event' in result) {
    page.events.push(result.event);
    page.bytes += result.event.dataBytes.length;
  } else {
    page.rejections.push(result.rejection);
    page.bytes += result.rejection.bytes.length;
  }
}

function isFull({ events, rejections, bytes }: Page): boolean {
  return bytes >= MOST_BYTES || events.length >= MOST_EVENTS || rejections.length >= MOST_REJECTIONS;
}

function isEmpty({ events, rejections }: Page): boolean {
  return events.length === 0 && rejections.length === 0;
}
