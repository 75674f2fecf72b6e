import { isUtf8 } from 'node:buffer';
import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { LambdaFunctionURLEvent, LambdaFunctionURLResult } from 'aws-lambda';
import type { InvokeResult } from '../../emulator/invoke.ts';
import { closed, listen, portOf } from '../servers/listening.ts';
import { refusingWebPages } from '../servers/web-pages.ts';

/** Lambda's limit for a request. */
const MOST_BYTES = 6 * 1024 * 1024;

/**
 * Opens a function URL on 127.0.0.1. A request becomes an event of payload version 2.0, and the function's result
 * becomes the response. It checks no signature: every process on this machine may call it, and no web page.
 */
export async function openRequestEndpoint(
  invoke: (payload: string) => Promise<InvokeResult>,
  port: number,
  running: AsyncDisposableStack,
): Promise<string> {
  const server = createServer(
    refusingWebPages((request, response) => {
      answer(invoke, request, response).catch((error) => {
        if (!response.headersSent) response.writeHead(502);
        response.end(String(error));
      });
    }),
  );
  // Longer than clients keep an idle connection: closing one at the moment of a request would lose the request.
  server.keepAliveTimeout = 60_000;
  await listen(server, port);
  running.defer(() => closed(server));
  return `http://127.0.0.1:${portOf(server)}/`;
}

async function answer(
  invoke: (payload: string) => Promise<InvokeResult>,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const body = await bodyOf(request);
  if (body === undefined) {
    response.writeHead(413).end("the request exceeds Lambda's limit of 6 MiB");
    return;
  }
  const result = await invoke(JSON.stringify(eventOf(request, body)));
  if (result.outcome === 'returned') respond(response, JSON.parse(result.payload) as LambdaFunctionURLResult);
  else response.writeHead(result.outcome === 'throttled' ? 429 : 502).end('Internal Server Error');
}

async function bodyOf(request: IncomingMessage): Promise<Buffer | undefined> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size <= MOST_BYTES) chunks.push(chunk);
  }
  return size > MOST_BYTES ? undefined : Buffer.concat(chunks);
}

function eventOf(request: IncomingMessage, body: Buffer): LambdaFunctionURLEvent {
  const url = new URL(request.url ?? '/', 'http://127.0.0.1');
  const headers = Object.fromEntries(
    Object.entries(request.headers).map(([name, value]) => [name, Array.isArray(value) ? value.join(',') : value]),
  );
  const text = isUtf8(body) && isText(request.headers['content-type'], request.headers['content-encoding']);
  const now = new Date();
  return {
    version: '2.0',
    routeKey: '$default',
    rawPath: url.pathname,
    rawQueryString: url.search.slice(1),
    headers,
    queryStringParameters: Object.fromEntries(url.searchParams),
    requestContext: {
      accountId: 'anonymous',
      apiId: 'local',
      domainName: request.headers.host ?? 'localhost',
      domainPrefix: 'local',
      http: {
        method: request.method ?? 'GET',
        path: url.pathname,
        protocol: `HTTP/${request.httpVersion}`,
        sourceIp: request.socket.remoteAddress ?? '127.0.0.1',
        userAgent: request.headers['user-agent'] ?? '',
      },
      requestId: randomUUID(),
      routeKey: '$default',
      stage: '$default',
      time: now.toUTCString(),
      timeEpoch: now.getTime(),
    },
    ...(body.length === 0 ? {} : { body: text ? body.toString('utf8') : body.toString('base64') }),
    isBase64Encoded: body.length > 0 && !text,
  };
}

/** Tells whether Lambda passes a body on as text. It encodes every other body in base64. */
function isText(contentType = '', contentEncoding: string | undefined): boolean {
  return contentEncoding === undefined && /^(text\/|application\/(.*\+)?(json|xml|javascript))/.test(contentType);
}

/** Writes a function's result: a response object, or any other value as the body of a 200. */
function respond(response: ServerResponse, result: LambdaFunctionURLResult): void {
  if (typeof result !== 'object' || result === null || result.statusCode === undefined) {
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(result));
    return;
  }
  const { statusCode, headers = {}, body = '', isBase64Encoded = false } = result;
  const named = Object.entries(headers).map(([name, value]): [string, string] => [name, String(value)]);
  response.writeHead(statusCode, Object.fromEntries(named)).end(isBase64Encoded ? Buffer.from(body, 'base64') : body);
}
