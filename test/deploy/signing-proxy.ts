import { createServer, request as httpRequest, type IncomingMessage, type ServerResponse } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { buffer } from 'node:stream/consumers';
import { closed, listen, portOf } from '../../infra/local/servers/listening.ts';
import type { Server } from './server.ts';
import { signed } from './signature.ts';

export interface SigningProxyOptions {
  /** The function's URL from the stack's output. */
  readonly functionUrl: string;
  readonly server: Server;
}

/**
 * Starts a proxy for a function URL that requires IAM: it signs every request and forwards it. Returns the proxy's URL.
 */
export async function startSigningProxy(options: SigningProxyOptions, running: AsyncDisposableStack): Promise<string> {
  const server = createServer((request, response) => {
    forward(request, response, options).catch((error: unknown) => {
      response.writeHead(502).end(String(error));
    });
  });
  await listen(server, 0);
  running.defer(() => closed(server));
  return `http://127.0.0.1:${portOf(server)}/`;
}

async function forward(
  request: IncomingMessage,
  response: ServerResponse,
  options: SigningProxyOptions,
): Promise<void> {
  const body = await buffer(request);
  const { host } = new URL(options.functionUrl);
  const type = request.headers['content-type'];
  const headers = signed({ service: 'lambda', host, body, ...(type === undefined ? {} : { type }) }, options.server);
  const target = new URL(options.server.endpoint ?? options.functionUrl);
  const send = target.protocol === 'https:' ? httpsRequest : httpRequest;
  const answer = await new Promise<IncomingMessage>((resolve, reject) => {
    send({ hostname: target.hostname, port: target.port, path: '/', method: 'POST', headers }, resolve)
      .once('error', reject)
      .end(body);
  });
  response.writeHead(answer.statusCode ?? 502, {
    'content-type': answer.headers['content-type'] ?? 'application/json',
    ...(answer.headers['retry-after'] === undefined ? {} : { 'retry-after': answer.headers['retry-after'] }),
  });
  response.end(await buffer(answer));
}
