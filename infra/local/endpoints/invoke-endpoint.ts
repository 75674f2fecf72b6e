import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { buffer } from 'node:stream/consumers';
import type { InvokeResult } from '../../emulator/invoke.ts';
import { closed, listen, portOf } from '../servers/listening.ts';
import { refusingWebPages } from '../servers/web-pages.ts';

/** The path of `Invoke` in Lambda's API: `POST /2015-03-31/functions/<name>/invocations`. */
const INVOCATION = /^\/2015-03-31\/functions\/([^/]+)\/invocations$/;

/**
 * Opens an endpoint on 127.0.0.1 for `Invoke`, the one operation of Lambda's API that operator commands use. So they
 * call the functions of a dev like those on AWS. It checks no signature, and refuses web pages.
 */
export async function openInvokeEndpoint(
  invoke: (name: string, payload: string) => Promise<InvokeResult>,
  running: AsyncDisposableStack,
): Promise<string> {
  const server = createServer(
    refusingWebPages((request, response) => {
      answer(invoke, request, response).catch((error: Error) => {
        if (!response.headersSent) refuse(response, 500, { type: 'ServiceException', message: error.message });
      });
    }),
  );
  await listen(server, 0);
  running.defer(() => closed(server));
  return `http://127.0.0.1:${portOf(server)}`;
}

async function answer(
  invoke: (name: string, payload: string) => Promise<InvokeResult>,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { pathname } = new URL(request.url ?? '/', 'http://127.0.0.1');
  const name = INVOCATION.exec(pathname)?.[1];
  if (request.method !== 'POST' || name === undefined)
    return refuse(response, 404, { type: 'ResourceNotFoundException', message: `unknown path ${pathname}` });
  const result = await invoke(decodeURIComponent(name), (await buffer(request)).toString());
  switch (result.outcome) {
    case 'returned':
      response.writeHead(200, { 'content-type': 'application/json' }).end(result.payload);
      return;
    case 'error': {
      const { functionError, errorType, message: errorMessage } = result;
      const headers = { 'content-type': 'application/json', 'x-amz-function-error': functionError };
      response.writeHead(200, headers).end(JSON.stringify({ errorType, errorMessage }));
      return;
    }
    case 'throttled':
      return refuse(response, 429, { type: 'TooManyRequestsException', message: 'Rate Exceeded.' });
    case 'service-error':
      return refuse(response, 500, { type: 'ServiceException', message: 'the function could not be called' });
  }
}

function refuse(
  response: ServerResponse,
  status: number,
  { type, message }: { readonly type: string; readonly message: string },
): void {
  response
    .writeHead(status, { 'content-type': 'application/json', 'x-amzn-errortype': type })
    .end(JSON.stringify({ Message: message }));
}
