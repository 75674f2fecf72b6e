import { addAbortSignal, Readable } from 'node:stream';
import { GetObjectCommand, type GetObjectCommandOutput, type S3Client, S3ServiceException } from '@aws-sdk/client-s3';
import { EventRejected } from '../../runtime/errors.ts';
import type { S3Object } from './announcements.ts';

export interface ObjectBytes {
  /** Fails when the signal aborts. Closes its connection when it is destroyed. */
  readonly body: Readable;
  readonly lastModified: Date;
}

/**
 * Streams exactly the content that was announced, from an offset on. Throws `EventRejected` when that content is gone
 * or was overwritten; every other failure (access denied, throttled, a connection that broke) is the world's.
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
    throw new Error('S3 answered without a body or the time of the last modification');
  if (offset > 0 && !range?.startsWith(`bytes ${offset}-`)) {
    body.destroy();
    throw new Error(`S3 was asked for the bytes from ${offset} on and answered with '${range}'`);
  }
  return { body: addAbortSignal(signal, body), lastModified };
}

/** S3 checks the ETag first, so the content is the one that was read before, and all of it has been. */
function isRangeAtTheEnd(error: unknown): boolean {
  return error instanceof S3ServiceException && error.$metadata.httpStatusCode === 416;
}

function blamed(error: unknown, { bucket, key, etag, versionId }: S3Object): unknown {
  if (!(error instanceof S3ServiceException)) return error;
  const what = `s3://${bucket}/${key} ${versionId === undefined ? `(ETag ${etag})` : `(version ${versionId})`}`;
  if (error.$metadata.httpStatusCode === 412)
    return new EventRejected(
      'undecodable',
      `${what} was overwritten before it was read: its new content is announced anew`,
    );
  if (GONE.has(error.name))
    return new EventRejected('undecodable', `${what} is gone: put it there again to have it read`);
  return error;
}

/** A bucket that is not there (also a 404) is a mistake in the set-up, and can be mended. */
const GONE = new Set(['NoSuchKey', 'NoSuchVersion']);
