import { KinesisClient } from '@aws-sdk/client-kinesis';
import { httpHandler } from './http.ts';

/**
 * Makes a Kinesis client without retries. Log writer, log reader and shard map retry by themselves: they know what may
 * be sent again, and stop when their signal aborts. The request timeout leaves time for 10 MiB on a slow network.
 */
export function kinesisClient(): KinesisClient {
  return new KinesisClient({ maxAttempts: 1, requestHandler: httpHandler({ requestMillis: 10_000 }) });
}
