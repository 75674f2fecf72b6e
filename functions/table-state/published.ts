import { MOST_PAGE_BYTES } from '../runtime/sink.ts';
import type { PublishedEvent } from '../runtime/table.ts';
import { FRAME_BYTES, type SliceChanges } from './changes.ts';
import type { Given } from './fold.ts';

/** Collects what the events of a slice publish themselves, in their order: the joined events of a join. */
export function openPublished(most = MOST_PAGE_BYTES): SliceChanges {
  const published: PublishedEvent[] = [];
  let bytes = 0;
  return {
    fits: (_, given) => bytes + bytesOf(publishedBy(given)) <= most,
    add(_, given) {
      for (const event of publishedBy(given)) {
        published.push(event);
        bytes += bytesOf([event]);
      }
    },
    isEmpty: () => published.length === 0,
    events: () => published,
  };
}

const publishedBy = (given: readonly Given[]): readonly PublishedEvent[] =>
  given.flatMap(({ rows }) => rows.flatMap((row) => row.published?.() ?? []));

const bytesOf = (events: readonly PublishedEvent[]): number =>
  events.reduce((sum, { dataBytes }) => sum + FRAME_BYTES + dataBytes.length, 0);
