import { MOST_DEATHS } from '../poison/bisect.ts';
import { PULLED_EVENTS } from '../source.ts';
import type { PullState } from './pull-state.ts';

/** What has killed the process of a pulled source: something among the next events, as far as it is known. */
export type Killer = NonNullable<PullState['killed']>;

/** A page has this part of the events among which something has killed the process. */
const PART = 1 / 10;

/** A step that stands still because of three deaths with one event tries again after this time. */
const HELD_MILLIS = 60 * 60_000;

/**
 * Returns what is known of a killer when a run begins. A process that dies reports nothing. So each run notes what it
 * reads, and a run that finds the note of another process knows that this one has died. `code` is the hash of the
 * step's code and options: changed code may survive what killed the old code, and starts without a killer.
 */
export function killerAt(
  { reading, killed }: PullState,
  { process, code }: { readonly process: string; readonly code: string },
): Killer | undefined {
  const before = killed?.code === code ? killed : undefined;
  if (reading === undefined || reading.process === process || reading.code !== code) return before;
  const { most, sinceMillis } = reading;
  const alone = most === 1 ? (before?.alone ?? 0) + 1 : 0;
  const first = before === undefined || alone === 1 ? sinceMillis : before.sinceMillis;
  return { within: most, alone, code, sinceMillis: first, lastMillis: sinceMillis };
}

/** Returns the most events of the next page: fewer and fewer until what killed the process is alone. */
export function mostEvents(killer: Killer | undefined): number {
  return killer === undefined ? PULLED_EVENTS : Math.max(1, Math.ceil(killer.within * PART));
}

/** Returns what is known of a killer after a page: the events of the page have not killed the process. */
export function killerAfter(killer: Killer | undefined, events: number): Killer | undefined {
  if (killer === undefined || events === 0) return killer;
  const within = killer.within - events;
  return within <= 0 ? undefined : { ...killer, within, alone: 0 };
}

/**
 * Tells whether the step stands still: the process died three times in a row with one event. Nobody knows which event
 * that is, and what follows it, because the source may have died while it read it. So nothing is skipped.
 */
export function isHeld(killer: Killer | undefined): killer is Killer {
  return killer !== undefined && killer.alone >= MOST_DEATHS;
}

/** Returns when a step that stands still tries again, in milliseconds since 1970. */
export function heldUntil({ lastMillis }: Killer): number {
  return lastMillis + HELD_MILLIS;
}

/** Says why a step stands still, since when, and what to do. */
export function whyHeld(killer: Killer, place: string | undefined): string {
  const { alone, sinceMillis } = killer;
  const where = place === undefined ? 'at its start' : `after the place ${place}`;
  return (
    `the source stands still ${where} since ${timeOf(sinceMillis)}: the function died ${alone} times in a row while it read a single ` +
    `event: out of memory, or busy until its time was over; nothing was skipped, and it tries again at ${timeOf(heldUntil(killer))}; ` +
    "check the function's memory and timeout and what the source has there, and deploy a changed version: it continues at once"
  );
}

function timeOf(millis: number): string {
  return new Date(millis).toISOString();
}
