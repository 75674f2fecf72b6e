import { MOST_PAGE_BYTES } from '../runtime/sink.ts';
import type { PublishedEvent } from '../runtime/table.ts';
import { frameBytes, type SliceChanges } from './changes.ts';
import type { Given } from './fold.ts';

/** Collects what the events of a slice publish themselves, in their order: the joined events of a join. */
export function openPublished(most = MOST_PAGE_BYTES): SliceChanges {
  const published: PublishedEvent[] = [];
  let bytes = 0;
  const add = (events: readonly PublishedEvent[]): void => {
    for (const event of events) published.push(event);
    bytes += bytesOf(events);
  };
  return {
    fits: (_, given) => bytes + bytesOf(publishedBy(given)) <= most,
    add: (_, given) => add(publishedBy(given)),
    publish(events) {
      // Of one row, nothing is larger than a page.
      const isFull = published.length > 0 && bytes + bytesOf(events) > most;
      if (!isFull) add(events);
      return !isFull;
    },
    isEmpty: () => published.length === 0,
    events: () => published,
  };
}

const publishedBy = (given: readonly Given[]): readonly PublishedEvent[] =>
  given.flatMap(({ rows }) => rows.flatMap((row) => row.published?.() ?? []));

const bytesOf = (events: readonly PublishedEvent[]): number =>
  events.reduce((sum, { key, dataBytes }) => sum + frameBytes(key) + dataBytes.length, 0);
