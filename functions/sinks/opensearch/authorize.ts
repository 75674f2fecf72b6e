import { SignatureV4 } from '@smithy/signature-v4';
import { textOfSecret } from '../../clients/secret-text.ts';
import { dynamoClient } from '../../runtime/aws/dynamo.ts';
import type { SearchRequest } from './send.ts';

/** How requests say who sends them. */
export interface Authorization {
  /** What to do when the server does not accept it. */
  readonly fix: string;
  /** Returns the request with the headers that prove who sends it. */
  authorized(endpoint: string, request: SearchRequest, signal: AbortSignal): Promise<SearchRequest>;
  /** Call this after the server has refused a request: a secret may have changed. */
  renew(): void;
}

/** A server on a laptop, which asks nobody who he is. */
export const nobody: Authorization = {
  fix: 'on a laptop requests are not signed: let the server take them',
  authorized: async (_endpoint, request) => request,
  renew: () => undefined,
};

/** Signs requests for a managed domain or a serverless collection, as the role of the function. */
export function signedFor(arn: string): Authorization {
  const [, , service = '', region = ''] = arn.split(':');
  // The credentials are those of every client of the function.
  const { credentials, sha256 } = dynamoClient().config;
  const signer = new SignatureV4({ service, region, credentials, sha256 });
  return {
    fix:
      service === 'aoss'
        ? "name the role of the step's function in a data access policy of the collection"
        : "let the role of the step's function in by the domain's access policy, and map the role where the domain has fine-grained access control",
    async authorized(endpoint, request) {
      const { hostname, port, protocol, host } = new URL(endpoint);
      const { method, path, body, headers: given } = request;
      const { headers } = await signer.sign({
        method,
        protocol,
        hostname,
        ...(port === '' ? {} : { port: Number(port) }),
        path,
        query: {},
        headers: { ...given, host },
        ...(body === undefined ? {} : { body }),
      });
      // The client itself sends this one.
      const { host: _host, ...others } = headers;
      return { ...request, headers: others };
    },
    renew: () => undefined,
  };
}

/** A secret is read again after this time, so that a changed password is used. */
const KEPT_MILLIS = 60_000;

/** Tells whether a text is a user and a password. */
export function isLogin(text: string): boolean {
  return /^[^:\s]+:[^\r\n]+$/.test(text);
}

/** Logs in as the user whose name and password are in a secret: `user:password`. */
export function loggedInBy(secret: string): Authorization {
  const read = textOfSecret(secret, 'login, user:password,');
  let known: { readonly login: string; readonly untilMillis: number } | undefined;
  return {
    fix: `store user:password as the whole value of the secret ${secret}`,
    async authorized(_endpoint, request, signal) {
      if (known === undefined || Date.now() >= known.untilMillis) {
        const login = (await read(signal)).trim();
        if (!isLogin(login))
          throw new Error(`the secret ${secret} is no login: store user:password as its whole value`);
        known = { login, untilMillis: Date.now() + KEPT_MILLIS };
      }
      const authorization = `Basic ${Buffer.from(known.login).toString('base64')}`;
      return { ...request, headers: { ...request.headers, authorization } };
    },
    renew() {
      known = undefined;
    },
  };
}
