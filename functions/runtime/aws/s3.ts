import { S3Client } from '@aws-sdk/client-s3';
import { httpHandler } from './http.ts';

/**
 * Makes an S3 client with retries. Objects are stored as a whole under keys that do not change, so storing one again
 * changes nothing. Set `pathStyle` for an endpoint other than AWS's own, which has no host name for every bucket.
 */
export function s3Client({ pathStyle }: { pathStyle: boolean }): S3Client {
  return new S3Client({
    maxAttempts: 4,
    retryMode: 'standard',
    forcePathStyle: pathStyle,
    requestHandler: httpHandler({ requestMillis: 30_000 }),
  });
}
