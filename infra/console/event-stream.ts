import type { ServerResponse } from 'node:http';
import { RESPONSE_HEADERS } from './response-headers.ts';

/** An open response of server-sent events. */
export interface EventStream {
  /** Sends a message as JSON. Returns false when the browser does not keep up: what is sent now only waits. */
  send(message: object): boolean;
  readonly signal: AbortSignal;
  end(): void;
}

/** A browser that lags behind by more than this gets no further message until it has caught up. */
const MOST_WAITING_BYTES = 1024 ** 2;

const KEEP_ALIVE_MILLIS = 15_000;

/** Turns a response into a stream of messages. The signal aborts when the browser closes the stream. */
export function openEventStream(response: ServerResponse): EventStream {
  const closed = new AbortController();
  response.writeHead(200, { ...RESPONSE_HEADERS, 'content-type': 'text/event-stream' });
  response.write(': open\n\n');
  // A proxy, such as that of an editor in the browser, ends what is silent.
  const timer = setInterval(() => response.write(': still here\n\n'), KEEP_ALIVE_MILLIS).unref();
  response.once('close', () => {
    clearInterval(timer);
    closed.abort();
  });
  return {
    send(message) {
      if (response.writableLength > MOST_WAITING_BYTES) return false;
      // JSON has no line breaks outside of strings, and none unescaped inside.
      response.write(`data: ${JSON.stringify(message)}\n\n`);
      return true;
    },
    signal: closed.signal,
    end() {
      response.end();
    },
  };
}
