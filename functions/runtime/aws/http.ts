import { NodeHttpHandler } from '@smithy/node-http-handler';

/**
 * Makes a handler for HTTP/1.1, which every AWS service and every emulator supports. Its connections stay open between
 * invocations. A request that takes longer than `requestMillis` fails, so that a hung connection cannot use up an
 * invocation's time.
 */
export function httpHandler({ requestMillis }: { requestMillis: number }): NodeHttpHandler {
  const agent = { keepAlive: true, maxSockets: 50 };
  return new NodeHttpHandler({
    connectionTimeout: 2_000,
    requestTimeout: requestMillis,
    throwOnRequestTimeout: true,
    httpAgent: agent,
    httpsAgent: agent,
  });
}
