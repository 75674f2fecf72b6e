import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { UserMistake } from '../../functions/runtime/errors.ts';
import { closed, listen, portOf } from '../local/servers/listening.ts';
import { explainAwsError } from '../operation/aws-mistakes.ts';
import { bodyOf, whyNoAct } from './act.ts';
import { admit, newToken } from './admission.ts';
import { apiOf } from './api.ts';
import { openEventStream } from './event-stream.ts';
import { bundlePages, DOCUMENT, type PageFile } from './page-files.ts';
import { RESPONSE_HEADERS } from './response-headers.ts';
import { type Route, routeOf } from './routes.ts';
import type { ConsoleSource } from './source.ts';

export interface ConsoleOptions {
  readonly source: ConsoleSource;
  /** 0: any free port. */
  readonly port: number;
}

/**
 * Serves the console on 127.0.0.1 until `running` is disposed of. Resolves to its URL, with the token. Rejects with
 * `EADDRINUSE` when the port is in use.
 */
export async function openConsole({ source, port }: ConsoleOptions, running: AsyncDisposableStack): Promise<string> {
  const stop = new AbortController();
  running.defer(() => stop.abort());
  return serveConsole(apiOf(source, stop.signal), port, running);
}

/** Serves the pages over these routes, as `openConsole` does. */
export async function serveConsole(
  routes: readonly Route[],
  port: number,
  running: AsyncDisposableStack,
): Promise<string> {
  const token = newToken();
  let files: Promise<ReadonlyMap<string, PageFile>> | undefined;
  let door = { token, port };
  const server = createServer((request, response) => {
    const url = new URL(`http://127.0.0.1${pathOf(request)}`);
    const admission = admit(url, request.headers, door);
    if (admission.outcome === 'refused') return refuse(response, admission.status, admission.why);
    const { method = '' } = request;
    if (method !== 'GET' && !(method === 'POST' && url.pathname.startsWith('/api/')))
      return refuse(response, 405, `use GET, not ${method}`);
    if (admission.outcome === 'cookie') {
      if (method !== 'GET') return refuse(response, 405, `use GET, not ${method}`);
      const { cookie, location } = admission;
      response.writeHead(303, { ...RESPONSE_HEADERS, 'set-cookie': cookie, location }).end();
      return;
    }
    if (url.pathname.startsWith('/api/')) {
      answer(routes, { url, request }, response).catch((error) => refuse(response, ...failureOf(error)));
      return;
    }
    // The first page that is opened waits a moment for the bundle; a console that nobody opens makes none.
    files ??= bundlePages();
    files
      .then((found) => sendPage(response, found.get(url.pathname)))
      .catch((error) => refuse(response, ...failureOf(error)));
  });
  await listen(server, port);
  door = { token, port: portOf(server) };
  running.defer(() => closed(server));
  return `http://127.0.0.1:${door.port}/?token=${token}`;
}

/** A path always has one slash in front: with two, a URL would take what follows for a host. */
function pathOf({ url = '/' }: IncomingMessage): string {
  return `/${url.replace(/^[/\\]+/, '')}`;
}

async function answer(
  routes: readonly Route[],
  { url, request }: { readonly url: URL; readonly request: IncomingMessage },
  response: ServerResponse,
): Promise<void> {
  const { method = '' } = request;
  const { pathname } = url;
  const found = routeOf(routes, { pathname, method });
  if (found === undefined) {
    const isThere = routeOf(routes, { pathname, method: method === 'POST' ? 'GET' : 'POST' }) !== undefined;
    return isThere
      ? refuse(response, 405, `${pathname} is not for ${method}`)
      : refuse(response, 404, `there is no ${pathname}`);
  }
  const { route, named } = found;
  const gone = new AbortController();
  response.once('close', () => gone.abort());
  const asked = { named, query: url.searchParams, signal: gone.signal };
  if ('act' in route) {
    const refusal = whyNoAct(request);
    if (refusal !== undefined) return refuse(response, refusal.status, refusal.why);
    return sendJson(response, await route.act({ ...asked, body: await bodyOf(request, response) }));
  }
  if ('answer' in route) return sendJson(response, await route.answer(asked));
  const stream = openEventStream(response);
  await route.live(asked, stream).catch((error) => {
    // What the browser has closed has not failed.
    if (stream.signal.aborted) return;
    stream.send({ failed: failureOf(error)[1] });
    stream.end();
  });
}

function sendJson(response: ServerResponse, body: object): void {
  const type = 'application/json; charset=utf-8';
  response.writeHead(200, { ...RESPONSE_HEADERS, 'content-type': type }).end(JSON.stringify(body));
}

function sendPage(response: ServerResponse, file: PageFile | undefined): void {
  const { type, contents } = file ?? { type: 'text/html; charset=utf-8', contents: DOCUMENT };
  response.writeHead(200, { ...RESPONSE_HEADERS, 'content-type': type }).end(contents);
}

function failureOf(error: unknown): readonly [status: number, why: string] {
  const explained = explainAwsError(error);
  if (explained instanceof UserMistake) return [400, explained.message];
  return [500, explained instanceof Error ? `${explained.name}: ${explained.message}` : String(explained)];
}

function refuse(response: ServerResponse, status: number, why: string): void {
  if (response.headersSent) {
    response.end();
    return;
  }
  response.writeHead(status, { ...RESPONSE_HEADERS, 'content-type': 'text/plain; charset=utf-8' }).end(`${why}\n`);
}
