import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { createGunzip, createZstdDecompress } from 'node:zlib';
import { GetObjectCommand, ListObjectsV2Command, type S3Client } from '@aws-sdk/client-s3';
import { LINE_FEED } from '../json/json-bytes.ts';
import { type ArchivedRange, folderOfShard, rangeOfFile } from './file-names.ts';

/** The files that an S3 sink with `lines: 'record'` has made of a stream. */
export interface Archive {
  readonly s3: Pick<S3Client, 'send'>;
  readonly bucket: string;
  /** The prefix of the sink. */
  readonly prefix: string;
}

export interface ArchivedFile extends ArchivedRange {
  readonly key: string;
}

/** Lists the files of a shard, `<incarnation>/<shard id>`, in the order of the log. */
export async function* filesOfShard(
  { s3, bucket: Bucket, prefix }: Archive,
  shard: string,
  abortSignal: AbortSignal,
): AsyncGenerator<ArchivedFile> {
  const Prefix = `${prefix}/${folderOfShard(shard)}/`;
  for (let ContinuationToken: string | undefined; ; ) {
    const command = new ListObjectsV2Command({ Bucket, Prefix, ...(ContinuationToken && { ContinuationToken }) });
    const page = await s3.send(command, { abortSignal });
    for (const { Key: key = '' } of page.Contents ?? []) {
      const range = rangeOfFile(key);
      if (range !== undefined) yield { key, ...range };
    }
    if (page.NextContinuationToken === undefined) return;
    ContinuationToken = page.NextContinuationToken;
  }
}

/**
 * Reads the lines of a file: that of its shard first. Yields nothing when the file is gone. A file is loaded as it is
 * stored, because a response of S3 does not wait for whoever works on its first lines; it is decompressed piece by
 * piece.
 */
export async function* linesOfFile(
  { s3, bucket: Bucket }: Archive,
  Key: string,
  abortSignal: AbortSignal,
): AsyncGenerator<Buffer> {
  const stored = await s3
    .send(new GetObjectCommand({ Bucket, Key }), { abortSignal })
    .then(({ Body }) => buffer(Body as Readable))
    .catch((error: unknown) => {
      if ((error as Error).name !== 'NoSuchKey') throw error;
      return undefined;
    });
  if (stored === undefined) return;
  let rest: Buffer[] = [];
  for await (const piece of decompressed(Key, stored)) {
    abortSignal.throwIfAborted();
    let start = 0;
    for (let end = piece.indexOf(LINE_FEED); end >= 0; end = piece.indexOf(LINE_FEED, start)) {
      yield Buffer.concat([...rest, piece.subarray(start, end)]);
      rest = [];
      start = end + 1;
    }
    if (start < piece.length) rest.push(piece.subarray(start));
  }
  if (rest.length > 0) throw new Error(`${Key} ends within a line`);
}

function decompressed(key: string, stored: Buffer): AsyncIterable<Buffer> {
  const decompressor = key.endsWith('.gz') ? createGunzip() : key.endsWith('.zst') ? createZstdDecompress() : undefined;
  if (decompressor === undefined) return Readable.from([stored]);
  decompressor.end(stored);
  return decompressor;
}
