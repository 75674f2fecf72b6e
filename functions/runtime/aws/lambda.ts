import { LambdaClient } from '@aws-sdk/client-lambda';
import { httpHandler } from './http.ts';

/** Retries: it is only asked what a function is told. */
export function lambdaClient(): LambdaClient {
  return new LambdaClient({
    maxAttempts: 4,
    retryMode: 'standard',
    requestHandler: httpHandler({ requestMillis: 5_000 }),
  });
}
