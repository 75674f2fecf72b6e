import type { ReceivedEvent } from '../../runtime/event.ts';
import type { Rejection } from '../../runtime/rejection.ts';
import type { Slice } from '../../runtime/sink.ts';
import { TableTooNarrow } from './growth.ts';

type Write = (slice: Slice, needed: ReadonlySet<string>) => Promise<readonly Rejection[]>;

/**
 * Writes a slice, and again from its beginning when a row needs columns that the table does not have as it needs them:
 * the second transaction begins by altering the table.
 */
export async function growingAsNeeded(slice: Slice, write: Write): Promise<readonly Rejection[]> {
  const again = { ...slice, pages: readableAgain(slice.pages) };
  let needed: ReadonlySet<string> = new Set();
  for (;;) {
    try {
      return await write(again, needed);
    } catch (error) {
      if (!(error instanceof TableTooNarrow) || error.columns.every((column) => needed.has(column))) throw error;
      needed = new Set([...needed, ...error.columns]);
    }
  }
}

/** Keeps the pages that were read, so that they can be read from the beginning. */
function readableAgain(pages: Slice['pages']): Slice['pages'] {
  const kept: (readonly ReceivedEvent[])[] = [];
  const rest = pages[Symbol.asyncIterator]();
  return {
    async *[Symbol.asyncIterator]() {
      for (let index = 0; ; index++) {
        if (index === kept.length) {
          const next = await rest.next();
          if (next.done === true) return;
          kept.push(next.value);
        }
        yield kept[index] as readonly ReceivedEvent[];
      }
    },
  };
}
