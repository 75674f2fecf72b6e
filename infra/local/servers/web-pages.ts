import type { IncomingHttpHeaders, RequestListener } from 'node:http';

/** Names of this machine that no stranger's DNS can point here. */
const HERE = /^(?:127\.0\.0\.1|\[::1\]|(?:[^.:]+\.)*localhost)(?::\d+)?$/i;

/**
 * Tells why a request may come from a web page. A page of any site can send requests to 127.0.0.1; its browser then
 * adds `Origin` or `Sec-Fetch-Site`. And a name of a stranger that resolves to 127.0.0.1 makes this machine part of
 * the stranger's site; that name is in `Host`. Undefined for a request of a program.
 */
export function refusalOfWebPage(headers: IncomingHttpHeaders): string | undefined {
  const { origin, 'sec-fetch-site': site } = headers;
  const host = headers.host ?? headers[':authority'];
  if (typeof host !== 'string' || !HERE.test(host))
    return `the request is for the host '${host ?? ''}': use 127.0.0.1 or localhost`;
  if (origin !== undefined) return `the request comes from a web page of ${origin}: call this server from a program`;
  // 'none': somebody typed the address.
  if (site !== undefined && site !== 'none')
    return 'the request comes from a web page: call this server from a program';
  return undefined;
}

/** Answers requests of web pages with status 403, and passes all others on. */
export function refusingWebPages(listener: RequestListener): RequestListener {
  return (request, response) => {
    const why = refusalOfWebPage(request.headers);
    if (why === undefined) return listener(request, response);
    request.resume();
    response.writeHead(403, { 'content-type': 'text/plain' }).end(`${why}\n`);
  };
}
