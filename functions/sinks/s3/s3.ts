import { ListObjectsV2Command } from '@aws-sdk/client-s3';
import { z } from 'zod';
import { s3Client } from '../../runtime/aws/s3.ts';
import { UserMistake } from '../../runtime/errors.ts';
import { defineSink, type OpenSink, type Sink } from '../../runtime/sink.ts';
import { sinkHandler } from '../../runtime/sink-handler.ts';
import { endpointIsOverridden, parseOrExplain } from '../../runtime/step-config.ts';
import { compact } from './compaction/compact.ts';
import { type Merge, mergeNdjson } from './compaction/merge.ts';
import { openStore } from './compaction/store.ts';
import { ndjsonContent } from './ndjson-content.ts';
import { Options, type S3Options } from './options.ts';
import { type ContentOf, writeFiles } from './write-files.ts';

const Resources = z.strictObject({
  /** The name of the lake's bucket. */
  bucket: z.string().min(1),
});

/** The folder of the lake for replays. A sink may also write below its own prefix in there. */
const REPLAYS = 'replays';

/**
 * Archives a stream as NDJSON files in Hive-style partitions. An event's line holds the bytes that are in the log.
 *
 * A file's name and content follow from the slice, the partition and the file's number, and the slice is fixed before
 * the first file is written. So a run that repeats another one after a crash overwrites the same objects with the same
 * content. Within a partition and a shard, names sort as the log does.
 *
 * With `lines: 'record'` the files are those of an archive (runtime/archive/).
 *
 * An event becomes a dead letter when its time is not valid, or when a field to partition by holds an object, an array
 * or a value too long for an object key.
 */
export const s3Definition = defineSink({
  options: Options,
  resources: Resources,
  into: (options, destination) => ({ ...options, prefix: `${REPLAYS}/${options.prefix}/${destination}` }),
  doubles: () => true,
  takesRecords: ({ lines }) => lines === 'record',
  open({ step, options, resources: { bucket } }) {
    if (options.format === 'parquet')
      throw new UserMistake(
        `step '${step}': a run has begun to write Parquet, and this function writes NDJSON: deploy format: 'parquet' until that run is finished`,
      );
    return openLake(options, { bucket, contentOf: ndjsonContent(options), merge: mergeNdjson });
  },
});

/** How a sink writes files of its format into a bucket. */
interface Lake {
  readonly bucket: string;
  readonly contentOf: ContentOf;
  readonly merge: Merge;
}

/** Opens a sink of files below the prefix of its options. */
export function openLake(options: S3Options, { bucket, contentOf, merge }: Lake): OpenSink {
  const client = s3Client({ pathStyle: endpointIsOverridden() });
  const { prefix, compact: everyMillis } = options;
  return {
    ...(everyMillis === undefined
      ? {}
      : {
          tidy: (tidying) => {
            const { signal } = tidying;
            const store = openStore(client, bucket, signal);
            return compact(tidying, { store, prefix, everyMillis, merge: (...given) => merge(...given, signal) });
          },
        }),
    write: (slice) => writeFiles(slice, options, { client, bucket, contentOf }),
    async isEmpty(abortSignal) {
      const first = new ListObjectsV2Command({ Bucket: bucket, Prefix: `${options.prefix}/`, MaxKeys: 1 });
      return ((await client.send(first, { abortSignal })).KeyCount ?? 0) === 0;
    },
  };
}

/** The module with the handler of a sink that writes Parquet. It is not imported: it carries DuckDB. */
const PARQUET_ENTRY = new URL('./parquet/parquet.ts', import.meta.url).href;

/**
 * Writes files below a prefix of the lake: `s3Sink({ prefix: 'orders', by: 'month' })`. docs/connectors.md explains
 * every option, in the words of `Options`. Defaults are filled in here, so that a slice that one version of the code
 * began is finished with the same defaults by the next.
 */
export function s3Sink<const F extends string = never>(
  options: Omit<z.input<typeof Options>, 'fields'> & { readonly fields?: readonly F[] },
): Sink<unknown, 'scheduled', F> & { readonly connector: 's3'; readonly options: S3Options } {
  const isParquet = options.format === 'parquet';
  if (options.lines === 'record' && options.by !== undefined)
    throw new UserMistake("s3Sink: `by` goes with lines: 'event' or 'data' only: leave it out");
  return {
    connector: 's3',
    entry: isParquet ? PARQUET_ENTRY : import.meta.url,
    options: parseOrExplain(Options, isParquet ? { compression: 'zstd', ...options } : options, 's3Sink'),
    delivery: 'scheduled',
    fields: options.fields ?? [],
  };
}

export const handler = sinkHandler(s3Definition);
