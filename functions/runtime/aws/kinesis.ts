import { KinesisClient } from '@aws-sdk/client-kinesis';
import { httpHandler } from './http.ts';

/**
 * Does not retry: log writer, log reader and shard map do, because they know what may be sent again and when, and stop
 * when their signal aborts. Its request timeout leaves time for 10 MiB on a slow network.
 */
export function kinesisClient(): KinesisClient {
  return new KinesisClient({ maxAttempts: 1, requestHandler: httpHandler({ requestMillis: 10_000 }) });
}
