import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import {
  type DeleteObjectCommandInput,
  type GetObjectCommandInput,
  type ListObjectsV2CommandInput,
  NoSuchBucket,
  NoSuchKey,
  type PutObjectCommandInput,
  S3ServiceException,
} from '@aws-sdk/client-s3';
import { type Service, serviceOf } from './service.ts';

export interface StoredObject {
  readonly key: string;
  readonly bytes: Buffer;
  /** The ETag, with its quotes. */
  readonly etag: string;
  readonly lastModified: Date;
}

/** An S3 in memory: whole objects under their keys; the last write wins. */
export interface S3 extends Service {
  createBucket(name: string): void;
  /** Returns the objects in the order of their keys' bytes, as S3 lists them. */
  objects(bucket: string): readonly StoredObject[];
}

export function createS3({ now }: { readonly now: () => number }): S3 {
  const buckets = new Map<string, Map<string, StoredObject>>();

  function bucketOf(name: string | undefined): Map<string, StoredObject> {
    const bucket = buckets.get(name ?? '');
    if (bucket !== undefined) return bucket;
    throw new NoSuchBucket({ message: 'The specified bucket does not exist', $metadata: { httpStatusCode: 404 } });
  }

  function listed(name: string | undefined): readonly StoredObject[] {
    return [...bucketOf(name).values()].sort((a, b) => Buffer.compare(Buffer.from(a.key), Buffer.from(b.key)));
  }

  const service = serviceOf('S3', {
    PutObject({ Bucket, Key = '', Body }: PutObjectCommandInput) {
      if (Buffer.byteLength(Key) > LONGEST_KEY_BYTES) throw refused('KeyTooLongError', 400, 'Your key is too long');
      if (!(typeof Body === 'string' || Body instanceof Uint8Array))
        throw new Error('the bucket of the kit takes a text or bytes as Body');
      const bytes = Buffer.from(Body as Uint8Array);
      const etag = `"${createHash('md5').update(bytes).digest('hex')}"`;
      bucketOf(Bucket).set(Key, { key: Key, bytes, etag, lastModified: new Date(now()) });
      return { ETag: etag };
    },

    GetObject({ Bucket, Key = '', IfMatch, Range }: GetObjectCommandInput) {
      const stored = bucketOf(Bucket).get(Key);
      if (stored === undefined)
        throw new NoSuchKey({ message: 'The specified key does not exist.', $metadata: { httpStatusCode: 404 } });
      const { bytes, etag, lastModified } = stored;
      if (IfMatch !== undefined && IfMatch !== etag)
        throw refused('PreconditionFailed', 412, 'At least one of the pre-conditions you specified did not hold');
      const part = Range === undefined ? undefined : rangeOf(Range, bytes.length);
      const content = part === undefined ? bytes : bytes.subarray(part.start, part.end + 1);
      return {
        Body: bodyOf(content),
        ContentLength: content.length,
        ETag: etag,
        LastModified: lastModified,
        ...(part === undefined ? {} : { ContentRange: `bytes ${part.start}-${part.end}/${bytes.length}` }),
      };
    },

    DeleteObject({ Bucket, Key = '' }: DeleteObjectCommandInput) {
      bucketOf(Bucket).delete(Key);
      return {};
    },

    ListObjectsV2({ Bucket, Prefix = '', ContinuationToken = '', MaxKeys = 1_000 }: ListObjectsV2CommandInput) {
      const found = listed(Bucket).filter(({ key }) => key.startsWith(Prefix) && key > ContinuationToken);
      const page = found.slice(0, MaxKeys);
      return {
        Contents: page.map(({ key, bytes, etag, lastModified }) => ({
          Key: key,
          Size: bytes.length,
          ETag: etag,
          LastModified: lastModified,
        })),
        KeyCount: page.length,
        IsTruncated: page.length < found.length,
        ...(page.length < found.length ? { NextContinuationToken: page.at(-1)?.key } : {}),
      };
    },
  });

  return {
    ...service,
    createBucket(name) {
      buckets.set(name, new Map());
    },
    objects: listed,
  };
}

/** A stream, which the SDK gives a way to read it whole. */
function bodyOf(content: Buffer): Readable {
  const stream = Readable.from(content.length === 0 ? [] : [content], { objectMode: false });
  return Object.assign(stream, { transformToByteArray: async () => new Uint8Array(content) });
}

const LONGEST_KEY_BYTES = 1_024;

/** Parses a range: `bytes=10-` or `bytes=10-19`. */
function rangeOf(range: string, length: number): { start: number; end: number } {
  const [, first, last] = /^bytes=(\d+)-(\d*)$/.exec(range) ?? [];
  if (first === undefined) throw new Error(`the kit's S3 does not know the range '${range}'`);
  const start = Number(first);
  if (start >= length) throw refused('InvalidRange', 416, 'The requested range is not satisfiable');
  return { start, end: last ? Math.min(Number(last), length - 1) : length - 1 };
}

function refused(name: string, httpStatusCode: number, message: string): S3ServiceException {
  return new S3ServiceException({ name, message, $fault: 'client', $metadata: { httpStatusCode } });
}
