import { KinesisClient } from '@aws-sdk/client-kinesis';
import { httpHandler } from './http.ts';

/**
 * Makes a Kinesis client without retries. Log writer, log reader and shard map retry by themselves: they know what may
 * be sent again, and stop when their signal aborts. The request timeout leaves time for 10 MiB on a slow network.
 *
 * Calls go to the region's endpoint. For a stream that is named by its ARN, the SDK would call
 * `<account>.data-kinesis.<region>…`, which the private DNS of a network's endpoint may not know.
 */
export function kinesisClient(): KinesisClient {
  const client = new KinesisClient({ maxAttempts: 1, requestHandler: httpHandler({ requestMillis: 10_000 }) });
  const { endpointProvider } = client.config;
  client.config.endpointProvider = ({ Region, UseDualStack, UseFIPS, Endpoint }, context) =>
    endpointProvider({ Region, UseDualStack, UseFIPS, Endpoint }, context);
  return client;
}
