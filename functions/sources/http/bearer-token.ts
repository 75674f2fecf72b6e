import { createHash, timingSafeEqual } from 'node:crypto';
import { GetSecretValueCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { httpHandler } from '../../runtime/aws/http.ts';
import { RequestRejected } from './replies.ts';
import type { Request } from './request-body.ts';

/**
 * Checks a request: resolves when the request carries the token, and throws `RequestRejected` (401) when it does not.
 */
export type Authenticate = (request: Request, signal: AbortSignal) => Promise<void>;

/** Reads the token that is valid now. */
export type ReadToken = (signal: AbortSignal) => Promise<string>;

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

/** Reads the token from a Secrets Manager secret: the secret's whole text. */
export function tokenInSecret(secretId: string): ReadToken {
  const secrets = new SecretsManagerClient({ maxAttempts: 3, requestHandler: httpHandler({ requestMillis: 3_000 }) });
  return async (signal) => {
    const answer = await secrets.send(new GetSecretValueCommand({ SecretId: secretId }), { abortSignal: signal });
    if (!answer.SecretString) throw new Error(`the secret ${secretId} has no text: store the token as its whole value`);
    return answer.SecretString;
  };
}

function digestOf(token: string): Buffer {
  return createHash('sha256').update(token).digest();
}
