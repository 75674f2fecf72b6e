import { createHash, timingSafeEqual } from 'node:crypto';
import { GetSecretValueCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { httpHandler } from '../../runtime/aws/http.ts';
import { RequestRefused } from './replies.ts';
import type { Request } from './request-body.ts';

/** Resolves when the request carries the token; throws `RequestRefused` (401) when it does not. */
export type Authenticate = (request: Request, signal: AbortSignal) => Promise<void>;

/** Gets the token that is valid now. */
export type ReadToken = (signal: AbortSignal) => Promise<string>;

/** A token that was taken back is refused after this long at the latest. */
const LONGEST_KEPT_MILLIS = 5 * 60_000;
/**
 * A new token is accepted after this long at the latest. Wrong tokens cannot cause more calls than one in this time.
 */
const SHORTEST_KEPT_MILLIS = 30_000;

/**
 * Compares digests in constant time, so how long it takes tells neither the token's length nor how much of a guess was
 * right.
 */
export function bearerAuthentication(readToken: ReadToken, realm: string, now: () => number): Authenticate {
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
      throw new RequestRefused(401, 'the request carries no bearer token: send the header Authorization: Bearer …', {
        headers: { 'www-authenticate': challenge },
      });
    const digest = digestOf(token);
    if (await matches(digest, LONGEST_KEPT_MILLIS, signal)) return;
    if (await matches(digest, SHORTEST_KEPT_MILLIS, signal)) return;
    throw new RequestRefused(401, 'the bearer token is not the one that is valid now', {
      headers: { 'www-authenticate': `${challenge}, error="invalid_token"` },
    });
  };
}

export function tokenInSecret(secretId: string): ReadToken {
  const secrets = new SecretsManagerClient({ maxAttempts: 3, requestHandler: httpHandler({ requestMillis: 3_000 }) });
  return async (signal) => {
    const answer = await secrets.send(new GetSecretValueCommand({ SecretId: secretId }), { abortSignal: signal });
    if (!answer.SecretString)
      throw new Error(`the secret ${secretId} holds no text: put the token there as its whole value`);
    return answer.SecretString;
  };
}

function digestOf(token: string): Buffer {
  return createHash('sha256').update(token).digest();
}
