import { z } from 'zod';
import { s3Client } from '../../runtime/aws-s3.ts';
import { defineSink, type OpenSink, type Sink } from '../../runtime/sink.ts';
import { sinkHandler } from '../../runtime/sink-handler.ts';
import { endpointIsOverridden } from '../../runtime/step-config.ts';
import { writeFiles } from './files.ts';

const MEBIBYTE = 1024 * 1024;

const Options = z.strictObject({
  /** Where in the lake: `orders` or `shop/orders`. */
  prefix: z
    .string()
    .regex(
      /^[\w.!'()=-]+(\/[\w.!'()=-]+)*$/,
      "is made of letters, digits and _ . ! ' ( ) = -, with slashes in between",
    ),
  /** `event`: whole events, which can be replayed. `data`: what they carry, for those who only query. */
  lines: z.enum(['event', 'data']).default('event'),
  compression: z.enum(['gzip', 'zstd', 'none']).default('gzip'),
  /** Partitions by the events' time, in UTC: `year=2026/month=11/…`. Not given: none. */
  by: z.enum(['month', 'day', 'hour']).optional(),
  /** Partitions by these fields of the data, below those by time: `region=East`. */
  fields: z.array(z.string().min(1)).default([]),
  /** A file is closed after the event that brings it to this size, before compression. A slice makes 128 MiB at most. */
  fileBytes: z
    .int()
    .min(1)
    .default(64 * MEBIBYTE),
  /** A file is closed after this many events. */
  fileRows: z.int().min(1).default(1_000_000),
});

const Resources = z.strictObject({
  /** The lake's name. */
  bucket: z.string().min(1),
});

export type S3Options = z.infer<typeof Options>;

/**
 * Keeps a stream as files in a bucket: NDJSON, compressed, in the directories that Hive, Athena and Spark take for partitions.
 *
 * Names and bytes follow from the slice and these options alone, so writing a slice again, after a crash or by a twin, writes the same
 * objects. An event's bytes are in the file as they were in the log. Within a file events are in the log's order, and no file holds
 * events of two partitions. An event that belongs into no partition, because a field is no scalar or the name would be too long,
 * becomes a dead letter.
 */
export const s3 = defineSink({
  options: Options,
  resources: Resources,
  open({ options, resources }): OpenSink {
    const client = s3Client({ pathStyle: endpointIsOverridden() });
    return { write: (slice) => writeFiles({ client, bucket: resources.bucket, options }, slice) };
  },
});

/** Files of whole events or their data: `s3Sink({ prefix: 'orders', by: 'month' })`. Scheduled: its step says `every`. */
export function s3Sink(options: z.input<typeof Options>): Sink<unknown, 'scheduled'> & { readonly connector: 's3' } {
  return { connector: 's3', entry: import.meta.url, options, delivery: 'scheduled' };
}

export const handler = sinkHandler(s3);
