import { S3Client } from '@aws-sdk/client-s3';
import { httpHandler } from './http.ts';

/**
 * Retries: objects are put whole under names that do not change, so the second time changes nothing.
 * `pathStyle`: for an endpoint other than AWS's own, which has no name for every bucket.
 */
export function s3Client({ pathStyle }: { pathStyle: boolean }): S3Client {
  return new S3Client({
    maxAttempts: 4,
    retryMode: 'standard',
    forcePathStyle: pathStyle,
    requestHandler: httpHandler({ requestMillis: 30_000 }),
  });
}
