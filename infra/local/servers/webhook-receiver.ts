import { createServer, type IncomingMessage } from 'node:http';
import { closed, listen, portOf } from './listening.ts';
import { refusingWebPages } from './web-pages.ts';

/**
 * A receiver on 127.0.0.1 that takes the requests of webhooks in place of other machines: `POST /<pipeline>/<step>`.
 * `GET` of the same path shows the last ones as lines of JSON, `GET /` those of all steps.
 */
export interface WebhookReceiver {
  readonly endpoint: string;
  stop(): Promise<void>;
}

/** How many requests are kept, and how much of each. */
const MOST_KEPT = 200;
const MOST_BYTES = 64 * 1024;

export async function startWebhookReceiver(): Promise<WebhookReceiver> {
  const kept: { readonly path: string; readonly line: string }[] = [];
  const server = createServer(
    refusingWebPages(async (request, response) => {
      const { url: path = '/', method, headers } = request;
      const body = await startOf(request);
      if (method !== 'POST') {
        const lines = kept.filter((one) => path === '/' || one.path === path).map(({ line }) => `${line}\n`);
        response.writeHead(200, { 'content-type': 'application/x-ndjson' }).end(lines.join(''));
        return;
      }
      kept.push({ path, line: JSON.stringify({ path, headers, body }) });
      if (kept.length > MOST_KEPT) kept.shift();
      response.writeHead(204).end();
    }),
  );
  await listen(server, 0);
  return { endpoint: `http://127.0.0.1:${portOf(server)}`, stop: () => closed(server) };
}

async function startOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const chunk of request) {
      if (bytes < MOST_BYTES) chunks.push(chunk as Buffer);
      bytes += (chunk as Buffer).length;
    }
  } catch {
    // The sender is gone, so nobody waits for an answer.
  }
  return Buffer.concat(chunks).subarray(0, MOST_BYTES).toString();
}
