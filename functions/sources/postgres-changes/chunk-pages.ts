import type { PulledPage, PullTurn } from '../../runtime/source.ts';
import { eventsOf } from './fixed-chunk.ts';
import { parseLsn } from './lsn.ts';
import type { ChangesPosition } from './position.ts';

export type Page = PulledPage<ChangesPosition>;

/** The most events of a page. */
export const PAGE_EVENTS = 5_000;

/** Makes the pages with the rest of a chunk whose rows are in the position. */
export function* chunkPages(position: ChangesPosition, _turn: PullTurn): Generator<Page> {
  const { chunk, ...behind } = position;
  if (chunk === undefined) return;
  const events = eventsOf(chunk, parseLsn(chunk.lsn));
  for (let next = chunk.next; next < events.length; ) {
    const end = Math.min(events.length, next + PAGE_EVENTS);
    const isLast = end === events.length;
    yield {
      events: events.slice(next, end),
      rejections: [],
      position: isLast ? behind : { ...behind, chunk: { ...chunk, next: end } },
    };
    next = end;
  }
}
