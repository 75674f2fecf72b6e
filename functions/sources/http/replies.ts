import type { AppendOutcome } from '../../runtime/source.ts';

/** What Lambda makes an HTTP response of (function URLs, payload format 2.0). */
export interface Reply {
  readonly statusCode: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** An event of the request that is at fault: its place in the body, from 0. */
export interface RefusedEvent {
  readonly index: number;
  readonly reason: string;
}

/** A request that is answered without appending anything. */
export class RequestRefused extends Error {
  readonly reply: Reply;

  constructor(
    statusCode: number,
    error: string,
    more: { headers?: Reply['headers']; events?: readonly RefusedEvent[] } = {},
  ) {
    super(error);
    this.name = 'RequestRefused';
    const body = more.events === undefined ? { error } : { error, events: more.events };
    this.reply = replyOf(statusCode, body, more.headers);
  }
}

/** The reply to a request whose events were handed to the log: 202 says that the log has them all. */
export function replyToAppend(append: AppendOutcome): Reply {
  switch (append.outcome) {
    case 'appended':
      return replyOf(202, { accepted: append.count });
    case 'throttled':
      return replyOf(
        429,
        { error: 'the stream takes no more at the moment: send the request again later' },
        RETRY_SOON,
      );
    case 'failed':
      return replyOf(503, { error: 'the log did not acknowledge the events: send the request again' }, RETRY_LATER);
    case 'paused':
      return replyOf(503, { error: 'the source is paused: send the request again later' }, RETRY_MUCH_LATER);
    case 'too-large':
      return replyOf(413, {
        error: `${append.refused.length} of the events are too large for the stream; none was accepted`,
        events: append.refused.map(({ index, size, limit }) => ({
          index,
          reason: `the event has ${size} bytes, the stream takes ${limit}`,
        })),
      });
  }
}

/** A throttled stream gets its allowance anew every second. */
const RETRY_SOON = { 'retry-after': '1' };
const RETRY_LATER = { 'retry-after': '5' };
/** A pause is for minutes. */
const RETRY_MUCH_LATER = { 'retry-after': '60' };

function replyOf(statusCode: number, body: unknown, headers: Reply['headers'] = {}): Reply {
  return { statusCode, headers: { 'content-type': 'application/json', ...headers }, body: JSON.stringify(body) };
}
