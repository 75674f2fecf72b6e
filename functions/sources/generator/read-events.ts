import { setTimeout as delay } from 'node:timers/promises';
import { z } from 'zod';
import type { PulledPage, PullTurn } from '../../runtime/source.ts';
import type { MakeEvent } from './make-event.ts';

/** A position: the number of the next event, and the time of event 0. */
export const GeneratorPosition = z.strictObject({ next: z.int().min(0), startMillis: z.int() });
export type GeneratorPosition = z.infer<typeof GeneratorPosition>;

export interface Pace {
  readonly perSecond: number;
  /** How many events there are in all. Undefined: no end. */
  readonly count: number | undefined;
  now(): number;
}

/** The most events of a page. */
const PAGE_EVENTS = 5_000;
/** The time between two pages of a reader that has caught up. */
const PAGE_MILLIS = 500;

/**
 * Yields the events that are due, from a position on, until `ending` aborts or there is no further one. The time of
 * event n is fixed: n / perSecond after the start. So the same events come again after a crash, and what was due in a
 * pause is made up for.
 */
export async function* readEvents(
  make: MakeEvent,
  { pace, from, turn }: { readonly pace: Pace; readonly from: GeneratorPosition | undefined; readonly turn: PullTurn },
): AsyncGenerator<PulledPage<GeneratorPosition>> {
  const { perSecond, count = Number.MAX_SAFE_INTEGER, now } = pace;
  const { ending, signal } = turn;
  const startMillis = from?.startMillis ?? now();
  let next = from?.next ?? 0;
  const page = (to: number): PulledPage<GeneratorPosition> => ({
    events: Array.from({ length: to - next }, (_, index) => {
      const number = next + index;
      return make(number, new Date(startMillis + Math.floor((number * 1_000) / perSecond)));
    }),
    rejections: [],
    position: { next: to, startMillis },
  });
  // The start has to be stored before the first event that depends on it.
  if (from === undefined) yield page(next);
  for (let hasYielded = false; next < count; hasYielded = true) {
    signal.throwIfAborted();
    const due = Math.min(count, Math.floor(((now() - startMillis) * perSecond) / 1_000) + 1);
    const to = Math.max(next, Math.min(due, next + Math.min(PAGE_EVENTS, turn.most)));
    const isBehind = to < due;
    if (to > next || !hasYielded) {
      yield page(to);
      next = to;
    }
    if (ending.aborted) return;
    if (!isBehind && next < count) await waitFor(untilNext(), turn);
  }

  function untilNext(): number {
    const dueMillis = startMillis + (next * 1_000) / perSecond;
    return Math.max(PAGE_MILLIS, dueMillis - now());
  }
}

/** Waits; less when the run has to end. */
async function waitFor(millis: number, { ending, signal }: PullTurn): Promise<void> {
  const longest = Math.min(millis, 2 ** 31 - 1);
  await delay(longest, undefined, { signal: AbortSignal.any([ending, signal]) }).catch(() => undefined);
  signal.throwIfAborted();
}
