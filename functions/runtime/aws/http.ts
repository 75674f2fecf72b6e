import { NodeHttpHandler } from '@smithy/node-http-handler';

/**
 * HTTP/1.1, which every AWS service and every emulator speaks, over connections that stay open between invocations.
 * A request that takes longer than `requestMillis` fails: a hung connection must not eat an invocation's whole time.
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
