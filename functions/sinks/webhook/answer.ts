import { cutText } from '../../runtime/cut-text.ts';

/** What is kept of an answer. */
export interface Answer {
  readonly status: number;
  readonly retryAfter: string | undefined;
  readonly location: string | undefined;
  /** The first characters of the body. */
  readonly start: string;
}

/**
 * What an answer means.
 * - `done`: the receiver has the event.
 * - `refused`: it will never take this event, which becomes a dead letter.
 * - `again`: a later attempt may succeed.
 * - `wait`: no event can be sent until somebody or time changes something. The step waits.
 */
export type Verdict =
  | { readonly kind: 'done' }
  | { readonly kind: 'refused'; readonly message: string }
  | { readonly kind: 'again'; readonly why: string; readonly afterMillis?: number | undefined }
  | { readonly kind: 'wait'; readonly why: string };

/** A receiver that asks for a longer wait gets it from the next delivery of the batch. */
export const LONGEST_RETRY_AFTER_MILLIS = 60_000;

/** Decides what an answer means, by its status alone: the body may be anything. */
export function verdictOf({ status, retryAfter, location, start }: Answer, nowMillis: number): Verdict {
  if (status >= 200 && status < 300) return { kind: 'done' };
  if (status < 400)
    return {
      kind: 'wait',
      why: `answered ${status}${towards(location)}: redirects are not followed; use the final URL`,
    };
  if (CREDENTIALS.has(status))
    return { kind: 'wait', why: `answered ${status}: it does not accept the URL, the headers or the signing key` };
  if (status < 500 && !PASSING.has(status))
    return { kind: 'refused', message: `the receiver answered ${status}${start === '' ? '' : `: ${readable(start)}`}` };
  const afterMillis = retryAfter === undefined ? undefined : retryAfterMillis(retryAfter, nowMillis);
  if (afterMillis !== undefined && afterMillis > LONGEST_RETRY_AFTER_MILLIS)
    return { kind: 'wait', why: `answered ${status} and asks to wait ${Math.ceil(afterMillis / 1_000)} s` };
  return { kind: 'again', why: `answered ${status}`, afterMillis };
}

/** These say something about the sink, not about one event. */
const CREDENTIALS: ReadonlySet<number> = new Set([401, 403, 407]);
const PASSING: ReadonlySet<number> = new Set([408, 425, 429]);

/** Reads `Retry-After`: seconds, or a date. Undefined: it is neither. */
export function retryAfterMillis(text: string, nowMillis: number): number | undefined {
  if (/^\d{1,9}$/.test(text)) return Number(text) * 1_000;
  const date = /[A-Za-z]/.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(date) ? undefined : Math.max(0, date - nowMillis);
}

/** The origin only: a path may be a secret. */
function towards(location: string | undefined): string {
  const url = URL.parse(location ?? '');
  return url === null ? '' : ` to ${cutText(url.origin, 100)}`;
}

const LONGEST_START = 300;

function readable(start: string): string {
  return cutText(
    start
      .toWellFormed()
      .replaceAll(/[\s\p{Cc}\p{Cf}]+/gu, ' ')
      .trim(),
    LONGEST_START,
  );
}
