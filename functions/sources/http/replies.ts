import type { AppendOutcome } from '../../runtime/source.ts';

/** What a function returns for Lambda to make an HTTP response (function URLs, payload format 2.0). */
export interface Reply {
  readonly statusCode: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** A bad event of a request: its index in the body, from 0, and what is wrong. */
export interface BadEvent {
  readonly index: number;
  readonly reason: string;
}

/** An error that answers a request without appending anything. */
export class RequestRejected extends Error {
  readonly reply: Reply;

  constructor(
    statusCode: number,
    error: string,
    more: { headers?: Reply['headers']; events?: readonly BadEvent[] } = {},
  ) {
    super(error);
    this.name = 'RequestRejected';
    const body = more.events === undefined ? { error } : { error, events: more.events };
    this.reply = replyOf(statusCode, body, more.headers);
  }
}

/**
 * Makes the reply to a request whose events were sent to the log. 202 says that the log has acknowledged all of them.
 */
export function replyToAppend(append: AppendOutcome): Reply {
  switch (append.outcome) {
    case 'appended':
      return replyOf(202, { accepted: append.count });
    case 'throttled':
      return replyOf(429, { error: 'the stream is throttled: send the request again later' }, RETRY_SOON);
    case 'failed':
      return replyOf(503, { error: 'the log did not acknowledge the events: send the request again' }, RETRY_LATER);
    case 'paused':
      return replyOf(503, { error: 'the source is paused: send the request again later' }, RETRY_MUCH_LATER);
    case 'too-large':
      return replyOf(413, {
        error: `${append.refused.length} of the events are too large for the stream; none was accepted`,
        events: append.refused.map(({ index, size, limit }) => ({
          index,
          reason: `the event has ${size} bytes, and the stream allows ${limit}: send a smaller one`,
        })),
      });
  }
}

/** A throttled stream accepts data again in the next second. */
const RETRY_SOON = { 'retry-after': '1' };
const RETRY_LATER = { 'retry-after': '5' };
/** A pause lasts minutes. */
const RETRY_MUCH_LATER = { 'retry-after': '60' };

function replyOf(statusCode: number, body: unknown, headers: Reply['headers'] = {}): Reply {
  return { statusCode, headers: { 'content-type': 'application/json', ...headers }, body: JSON.stringify(body) };
}
