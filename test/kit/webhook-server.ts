import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import { text as textOf } from 'node:stream/consumers';
import { closed, listen, portOf } from '../../infra/local/servers/listening.ts';

/** A request that has arrived at a receiver. */
interface Arrived {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
}

/** What a receiver answers, or a function that does it otherwise. */
type Answering =
  | {
      readonly status: number;
      readonly headers?: Readonly<Record<string, string>>;
      readonly body?: string | Uint8Array;
    }
  | ((response: ServerResponse) => void);

/** Starts a receiver of webhooks on 127.0.0.1. */
export async function startReceiver(answer: (request: Arrived) => Answering) {
  const requests: Arrived[] = [];
  const server = createServer(async (request, response) => {
    try {
      const arrived = { path: request.url ?? '/', headers: request.headers, text: await textOf(request) };
      requests.push(arrived);
      const answering = answer(arrived);
      if (typeof answering === 'function') answering(response);
      else response.writeHead(answering.status, answering.headers).end(answering.body);
    } catch {
      // The sender is gone.
      response.destroy();
    }
  });
  await listen(server, 0);
  const port = portOf(server);
  return { port, url: `http://127.0.0.1:${port}`, requests, stop: () => closed(server) };
}
