import { createHash, timingSafeEqual } from 'node:crypto';
import type { ReadSecret } from '../../clients/secret-text.ts';
import { RequestRejected } from './replies.ts';
import type { Request } from './request-body.ts';

/**
 * Checks a request: resolves when the request carries the token, and throws `RequestRejected` (401) when it does not.
 */
export type Authenticate = (request: Request, signal: AbortSignal) => Promise<void>;

/** A revoked token is rejected after this time at the latest. */
const LONGEST_KEPT_MILLIS = 5 * 60_000;
/**
 * A new token is accepted after this time at the latest. However many wrong tokens arrive, the secret is read at most
 * once in this time.
 */
const SHORTEST_KEPT_MILLIS = 30_000;

/**
 * Checks bearer tokens. It compares digests in constant time, so the duration reveals neither the token's length nor
 * how much of a guess was right.
 */
export function bearerAuthentication(readToken: ReadSecret, realm: string, now: () => number): Authenticate {
  let known: { readonly digest: Buffer; readonly readAt: number } | undefined;

  async function matches(digest: Buffer, newerThanMillis: number, signal: AbortSignal): Promise<boolean> {
    if (known === undefined || now() - known.readAt >= newerThanMillis) {
      known = { digest: digestOf(await readToken(signal)), readAt: now() };
    }
    return timingSafeEqual(known.digest, digest);
  }

  return async ({ headers }, signal) => {
    const token = headers.authorization?.match(/^bearer +(\S+)$/i)?.[1];
    const challenge = `Bearer realm="${realm}"`;
    if (token === undefined)
      throw new RequestRejected(401, 'the request carries no bearer token: send the header Authorization: Bearer …', {
        headers: { 'www-authenticate': challenge },
      });
    const digest = digestOf(token);
    if (await matches(digest, LONGEST_KEPT_MILLIS, signal)) return;
    if (await matches(digest, SHORTEST_KEPT_MILLIS, signal)) return;
    throw new RequestRejected(401, 'the bearer token is not valid: send the one that is in the secret now', {
      headers: { 'www-authenticate': `${challenge}, error="invalid_token"` },
    });
  };
}

function digestOf(token: string): Buffer {
  return createHash('sha256').update(token).digest();
}
