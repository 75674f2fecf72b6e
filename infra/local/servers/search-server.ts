import { createServer } from 'node:http';
import { text } from 'node:stream/consumers';
import { closed, listen, portOf } from './listening.ts';
import { createSearchIndices, type SearchIndices } from './search-indices.ts';
import { refusingWebPages } from './web-pages.ts';

/**
 * A server on 127.0.0.1 that takes the documents of OpenSearch sinks in place of other machines. `GET /` lists the
 * indices, and `GET /<index>/_search` all documents of one.
 */
export interface SearchServer {
  readonly endpoint: string;
  readonly indices: SearchIndices;
  stop(): Promise<void>;
}

export async function startSearchServer(): Promise<SearchServer> {
  const indices = createSearchIndices();
  const server = createServer(
    refusingWebPages(async (request, response) => {
      try {
        const { method = 'GET', url: path = '/' } = request;
        const answer = indices.perform({ method, path, body: await text(request) });
        response.writeHead(answer.status, { 'content-type': 'application/json' }).end(`${answer.text}\n`);
      } catch {
        // The sender is gone, or has sent what is no JSON.
        response.writeHead(400, { 'content-type': 'application/json' }).end('{"error":{"type":"parse_exception"}}\n');
      }
    }),
  );
  await listen(server, 0);
  return { endpoint: `http://127.0.0.1:${portOf(server)}`, indices, stop: () => closed(server) };
}
