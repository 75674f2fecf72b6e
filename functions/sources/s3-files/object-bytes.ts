import { addAbortSignal, Readable } from 'node:stream';
import { GetObjectCommand, type GetObjectCommandOutput, type S3Client, S3ServiceException } from '@aws-sdk/client-s3';
import { EventRejected } from '../../runtime/errors.ts';
import type { S3Object } from './announcements.ts';

/** An open object. */
export interface ObjectBytes {
  /** Throws when the signal aborts. Destroying it closes the connection. */
  readonly body: Readable;
  readonly lastModified: Date;
}

/**
 * Streams exactly the announced content, from an offset on. Throws `EventRejected` when that content is deleted or
 * overwritten. Every other failure (access denied, throttling, a broken connection) is retried.
 */
export type OpenObject = (
  object: S3Object,
  at: { readonly offset: number; readonly signal: AbortSignal },
) => Promise<ObjectBytes>;

export function openFromS3(s3: Pick<S3Client, 'send'>): OpenObject {
  return async (object, { offset, signal }) => {
    const { bucket, key, etag, versionId } = object;
    const request = new GetObjectCommand({
      Bucket: bucket,
      Key: key,
      IfMatch: `"${etag}"`,
      ...(versionId === undefined ? {} : { VersionId: versionId }),
      ...(offset === 0 ? {} : { Range: `bytes=${offset}-` }),
    });
    try {
      return bytesOf(await s3.send(request, { abortSignal: signal }), offset, signal);
    } catch (error) {
      if (isRangeAtTheEnd(error)) return { body: Readable.from([]), lastModified: new Date(0) };
      throw blamed(error, object);
    }
  };
}

function bytesOf(answer: GetObjectCommandOutput, offset: number, signal: AbortSignal): ObjectBytes {
  const { Body: body, ContentRange: range, LastModified: lastModified } = answer;
  if (!(body instanceof Readable) || lastModified === undefined)
    throw new Error('S3 answered without a body or without the time of the last modification');
  if (offset > 0 && !range?.startsWith(`bytes ${offset}-`)) {
    body.destroy();
    throw new Error(`S3 was asked for the bytes from ${offset} on, and answered with the range '${range}'`);
  }
  return { body: addAbortSignal(signal, body), lastModified };
}

/** True when all bytes were read before: S3 checks the ETag before the range, so the content is still the same. */
function isRangeAtTheEnd(error: unknown): boolean {
  return error instanceof S3ServiceException && error.$metadata.httpStatusCode === 416;
}

function blamed(error: unknown, { bucket, key, etag, versionId }: S3Object): unknown {
  if (!(error instanceof S3ServiceException)) return error;
  const what = `s3://${bucket}/${key} ${versionId === undefined ? `(ETag ${etag})` : `(version ${versionId})`}`;
  if (error.$metadata.httpStatusCode === 412)
    return new EventRejected(
      'undecodable',
      `${what} was overwritten before it was read: nothing to do, S3 announces the new content too`,
    );
  if (GONE.has(error.name))
    return new EventRejected('undecodable', `${what} is deleted: upload it again to have it read`);
  return error;
}

/** Without `NoSuchBucket`: a missing bucket is a mistake in the set-up, which the operator can correct. */
const GONE = new Set(['NoSuchKey', 'NoSuchVersion']);
