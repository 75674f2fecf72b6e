import { EventRejected } from '../errors.ts';
import type { ReceivedEvent } from '../event.ts';
import type { Moment } from './batch-time.ts';

/** Throws `EventRejected` for an event that is dated too far ahead. It would close windows before their time. */
export function refuseFuture(
  { time }: Pick<ReceivedEvent, 'time'>,
  { arrivedMillis }: Moment,
  aheadMillis: number,
): void {
  if (Date.parse(time) <= arrivedMillis + aheadMillis) return;
  throw new EventRejected(
    'future',
    `it is dated ${time} and arrived at ${iso(arrivedMillis)}: more than ${aheadMillis / 1_000} s ahead; correct the clock of its producer, or raise how far ahead the table allows`,
  );
}

/** Throws `EventRejected` for an event whose time, and the grace period after it, is over. */
export function refuseLate({ time }: Pick<ReceivedEvent, 'time'>, { watermark }: Moment, graceMillis: number): void {
  if (Date.parse(time) + graceMillis > watermark) return;
  throw new EventRejected(
    'late',
    `it is dated ${time}, and time was ${iso(watermark)}: more than the grace period of ${graceMillis / 1_000} s later, so the events that it meets may be gone; a longer GRACE PERIOD waits for such events`,
  );
}

function iso(millis: number): string {
  return new Date(millis).toISOString();
}
