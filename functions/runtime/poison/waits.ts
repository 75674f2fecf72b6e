import { HOPELESS_DEATHS, MOST_REJECTED, type PoisonSearch } from './bisect.ts';

const MINUTE = 60_000;

/** The waits after the third rejection in a row, after the fourth, and after each later one. */
const WAITS_MILLIS = [MINUTE, 5 * MINUTE, 15 * MINUTE] as const;

/**
 * Returns the time before which a step does not touch a shard, in milliseconds since 1970. Undefined: it does not wait.
 *
 * After three poison events in a row, the code is probably the cause, and somebody needs time to mend it before every
 * event becomes a dead letter. So the step waits before it tries the next event, longer after each further rejection,
 * but never for an operator: good events may be behind the poison. It waits in the same way when rejecting a whole
 * record kills the process. The time of the stored attempt tells how long: a wait survives its process, and no function
 * sleeps.
 */
export function waitsUntil(search: PoisonSearch): number | undefined {
  const { lastMillis, last } = search;
  const count = waitsBefore(search);
  // An attempt that has followed the last rejection, or that its process has survived, has waited already.
  if (count === undefined || lastMillis === undefined || last?.died === false) return undefined;
  return lastMillis + (WAITS_MILLIS[count] ?? 15 * MINUTE);
}

/** Tells whether the last events of a shard killed its function, so that the step waits between the next ones. */
export function isHeld({ rejected, deaths, last }: PoisonSearch): boolean {
  return rejected >= MOST_REJECTED || (isRejectingRecord(last) && deaths >= HOPELESS_DEATHS);
}

function waitsBefore({ rejected, deaths, last }: PoisonSearch): number | undefined {
  if (isRejectingRecord(last)) return deaths >= HOPELESS_DEATHS ? deaths - HOPELESS_DEATHS : undefined;
  return rejected >= MOST_REJECTED && last === undefined ? rejected - MOST_REJECTED : undefined;
}

function isRejectingRecord(last: PoisonSearch['last']): boolean {
  return last?.doing === 'rejecting record';
}
