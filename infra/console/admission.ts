import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';

/** The secret of one run of a console. Only who has read the URL in the terminal knows it. */
export function newToken(): string {
  return randomBytes(24).toString('base64url');
}

/** What a request gets: an answer, the cookie of a browser that has shown the token, or a refusal. */
export type Admission =
  | { readonly outcome: 'admitted' }
  | { readonly outcome: 'cookie'; readonly cookie: string; readonly location: string }
  | { readonly outcome: 'refused'; readonly status: 401 | 403; readonly why: string };

/** The server that the request came to. */
export interface Door {
  readonly token: string;
  readonly port: number;
}

/**
 * Decides about a request before anything else looks at it.
 *
 * A name of a stranger that resolves to 127.0.0.1 is in `Host`. A page of another site is in `Origin` or in
 * `Sec-Fetch-Site`. Other users of this machine reach the port, but do not know the token. The token comes once, in the
 * URL, and is then in a cookie that no script reads and that no other site's page sends: so it is neither in the
 * browser's history nor in an address that somebody copies.
 */
export function admit(url: URL, headers: IncomingHttpHeaders, { token, port }: Door): Admission {
  const { host, origin, 'sec-fetch-site': site } = headers;
  if (host !== `127.0.0.1:${port}` && host !== `localhost:${port}`)
    return refused(403, `the request is for the host '${host ?? ''}': use 127.0.0.1:${port}`);
  if (origin !== undefined && origin !== `http://${host}`)
    return refused(403, `the request comes from a web page of ${origin}`);
  if (site !== undefined && site !== 'none' && site !== 'same-origin')
    return refused(403, 'the request comes from a web page of another site: paste the address into the address bar');
  const shown = url.searchParams.get('token');
  if (shown !== null && isSame(shown, token)) {
    const rest = new URLSearchParams(url.searchParams);
    rest.delete('token');
    const search = rest.size === 0 ? '' : `?${rest}`;
    const cookie = `${cookieName(port)}=${token}; HttpOnly; SameSite=Strict; Path=/`;
    // One slash in front: `//host` would lead to another site.
    return { outcome: 'cookie', cookie, location: `/${url.pathname.replace(/^\/+/, '')}${search}` };
  }
  if (isSame(cookieOf(headers, port), token)) return { outcome: 'admitted' };
  return refused(401, 'the token is missing or of another run: open the address that the terminal shows');
}

function refused(status: 401 | 403, why: string): Admission {
  return { outcome: 'refused', status, why };
}

/** Cookies do not know ports, so consoles that run side by side need names of their own. */
function cookieName(port: number): string {
  return `millrace-console-${port}`;
}

function cookieOf({ cookie = '' }: IncomingHttpHeaders, port: number): string {
  const prefix = `${cookieName(port)}=`;
  const found = cookie.split(/;\s*/).find((one) => one.startsWith(prefix));
  return found?.slice(prefix.length) ?? '';
}

function isSame(given: string, token: string): boolean {
  return timingSafeEqual(hashOf(given), hashOf(token));
}

function hashOf(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
