import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { httpHandler } from './http.ts';

/**
 * Makes a DynamoDB client with retries. Every write of the runtime is conditional, and recognises itself when it is
 * repeated.
 */
export function dynamoClient(): DynamoDBClient {
  return new DynamoDBClient({
    maxAttempts: 5,
    retryMode: 'standard',
    requestHandler: httpHandler({ requestMillis: 3_000 }),
  });
}
