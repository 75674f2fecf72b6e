import { SQSClient } from '@aws-sdk/client-sqs';
import { httpHandler } from './http.ts';

/** Makes an SQS client with retries. A message that is sent twice announces an item twice, which changes nothing. */
export function sqsClient(): SQSClient {
  return new SQSClient({
    maxAttempts: 4,
    retryMode: 'standard',
    requestHandler: httpHandler({ requestMillis: 5_000 }),
  });
}
