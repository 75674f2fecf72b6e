import { PutObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import type { Rejection } from '../../runtime/rejection.ts';
import type { Slice } from '../../runtime/sink.ts';
import { type PlannedFile, planFiles } from './files.ts';
import type { S3Options } from './options.ts';
import { planRecordFiles } from './record-files.ts';

/** What becomes of the events of a file. */
export interface FileContent {
  readonly body: Buffer;
  /** Events that the file cannot hold. */
  readonly rejections: readonly Rejection[];
}

/** Makes the content of a file. The same file gives the same content. Throws when the signal aborts. */
export type ContentOf = (file: PlannedFile, signal: AbortSignal) => Promise<FileContent>;

/**
 * Resolves, to the rejected events, once every file is in the bucket. When it throws, no request is in flight any more.
 */
export async function writeFiles(
  slice: Slice,
  options: S3Options,
  to: { readonly client: Pick<S3Client, 'send'>; readonly bucket: string; readonly contentOf: ContentOf },
): Promise<readonly Rejection[]> {
  const { client, bucket, contentOf } = to;
  const { files, rejections } = await planSlice(slice, options);
  const all = [...rejections];
  await eachWithin(files, slice.signal, async (file, signal) => {
    const { body, rejections: ofFile } = await contentOf(file, signal);
    for (const rejection of ofFile) all.push(rejection);
    await client.send(
      new PutObjectCommand({
        Bucket: bucket,
        Key: file.key,
        Body: body,
        ContentLength: body.length,
        ContentType: mediaTypeOf(options),
      }),
      { abortSignal: signal },
    );
  });
  return all.sort((one, other) => (one.at < other.at ? -1 : 1));
}

/** Divides a slice into files, of its events or of its records. */
export function planSlice(
  slice: Pick<Slice, 'shard' | 'from' | 'to' | 'pages' | 'records'>,
  options: S3Options,
): ReturnType<typeof planFiles> {
  return options.lines === 'record' ? planRecordFiles(slice, options) : planFiles(slice, options);
}

function mediaTypeOf({ format, compression }: S3Options): string {
  return format === 'parquet' ? 'application/vnd.apache.parquet' : MEDIA_TYPES[compression];
}

/** `Content-Type`, not `Content-Encoding`: with that, a client would unpack a file whose name still ends in `.gz`. */
const MEDIA_TYPES = { gzip: 'application/gzip', zstd: 'application/zstd', none: 'application/x-ndjson' } as const;

const FILES_AT_ONCE = 16;

/** The slice stays in memory beside the compressed files, and compression may not make a file smaller. */
const BYTES_AT_ONCE = 64 * 1024 * 1024;

/** Works on several files at once. The first failure aborts the others, and is thrown after they have ended. */
async function eachWithin(
  files: readonly PlannedFile[],
  signal: AbortSignal,
  work: (file: PlannedFile, signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const failed = new AbortController();
  const either = AbortSignal.any([signal, failed.signal]);
  const running = new Set<Promise<void>>();
  let bytes = 0;
  for (const file of files) {
    while (running.size > 0 && (running.size >= FILES_AT_ONCE || bytes + file.bytes > BYTES_AT_ONCE))
      await Promise.race(running);
    if (either.aborted) break;
    bytes += file.bytes;
    const one: Promise<void> = work(file, either)
      .catch((error: unknown) => failed.abort(error))
      .finally(() => {
        running.delete(one);
        bytes -= file.bytes;
      });
    running.add(one);
  }
  await Promise.all(running);
  either.throwIfAborted();
}
