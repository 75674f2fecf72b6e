import type { PulledPage, PullTurn } from '../../runtime/source.ts';
import { eventsOf } from './fixed-chunk.ts';
import { parseLsn } from './lsn.ts';
import type { ChangesPosition } from './position.ts';

export type Page = PulledPage<ChangesPosition>;

/** The most events of a page, as long as nothing kills the process. */
const PAGE_EVENTS = 5_000;

/** The most events that the next page may have. */
export function mostEvents({ most }: Pick<PullTurn, 'most'>): number {
  return Math.min(PAGE_EVENTS, most);
}

/** Makes the pages with the rest of a chunk whose rows are in the position. */
export function* chunkPages(position: ChangesPosition, turn: Pick<PullTurn, 'most'>): Generator<Page> {
  const { chunk, ...behind } = position;
  if (chunk === undefined) return;
  const events = eventsOf(chunk, parseLsn(chunk.lsn));
  for (let next = chunk.next; next < events.length; ) {
    const end = Math.min(events.length, next + mostEvents(turn));
    const isLast = end === events.length;
    yield {
      events: events.slice(next, end),
      rejections: [],
      position: isLast ? behind : { ...behind, chunk: { ...chunk, next: end } },
    };
    next = end;
  }
}
