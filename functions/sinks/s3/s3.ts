import { ListObjectsV2Command } from '@aws-sdk/client-s3';
import { z } from 'zod';
import { s3Client } from '../../runtime/aws/s3.ts';
import { defineSink, type OpenSink, type Sink } from '../../runtime/sink.ts';
import { sinkHandler } from '../../runtime/sink-handler.ts';
import { endpointIsOverridden, parseOrExplain } from '../../runtime/step-config.ts';
import { Options, type S3Options } from './options.ts';
import { writeFiles } from './write-files.ts';

const Resources = z.strictObject({
  /** The lake's name. */
  bucket: z.string().min(1),
});

/** Where replays of all prefixes are in the lake: a sink may write below its own prefix there, too. */
const REPLAYS = 'replays';

/**
 * Archives a stream as NDJSON files in Hive-style partitions. What an event's bytes were, they are in its line.
 *
 * A file's name follows from the slice, which is fixed before the first file is written, from the partition and from
 * the file's number; so does what is in it. What a run did before it died is written once more, over itself. Names sort
 * as the log does, within a partition and shard.
 *
 * Dead letters: an event whose time no calendar has, or whose field to partition by is an object, an array, or too long
 * for a key.
 */
export const s3Definition = defineSink({
  options: Options,
  resources: Resources,
  into: (options, place) => ({ ...options, prefix: `${REPLAYS}/${options.prefix}/${place}` }),
  doubles: () => true,
  open({ options, resources: { bucket } }): OpenSink {
    const client = s3Client({ pathStyle: endpointIsOverridden() });
    return {
      write: (slice) => writeFiles(slice, options, { client, bucket }),
      async isEmpty(abortSignal) {
        const first = new ListObjectsV2Command({ Bucket: bucket, Prefix: `${options.prefix}/`, MaxKeys: 1 });
        return ((await client.send(first, { abortSignal })).KeyCount ?? 0) === 0;
      },
    };
  },
});

/**
 * Files below a prefix of the lake: `s3Sink({ prefix: 'orders', by: 'month' })`. What is not said is fixed here, so
 * that an interrupted slice is finished with the defaults that it was begun with.
 */
export function s3Sink(
  options: z.input<typeof Options>,
): Sink<unknown, 'scheduled'> & { readonly connector: 's3'; readonly options: S3Options } {
  return {
    connector: 's3',
    entry: import.meta.url,
    options: parseOrExplain(Options, options, 's3Sink'),
    delivery: 'scheduled',
  };
}

export const handler = sinkHandler(s3Definition);
