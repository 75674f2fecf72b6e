import { LambdaClient } from '@aws-sdk/client-lambda';
import { httpHandler } from './http.ts';

/** Makes a Lambda client with retries. The runtime only reads the configuration of functions. */
export function lambdaClient(): LambdaClient {
  return new LambdaClient({
    maxAttempts: 4,
    retryMode: 'standard',
    requestHandler: httpHandler({ requestMillis: 5_000 }),
  });
}
