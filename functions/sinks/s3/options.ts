import { z } from 'zod';
import { LONGEST_NAMES, problemsOfNames } from './partitions.ts';

const MIB = 1024 * 1024;

export const Options = z
  .strictObject({
    prefix: z
      .string()
      .regex(
        /^(?!\.+(\/|$))[\w.=-]+(\/(?!\.+(\/|$))[\w.=-]+)*$/,
        'is made of letters, digits and _ - . = in parts with / between them, none at its ends',
      )
      .describe(
        `The folder of the lake that the sink writes to: \`orders\`, \`shop/orders\`. No other sink of the stage may write to the same folder or inside it. With the names of \`fields\`, at most ${LONGEST_NAMES} bytes.`,
      ),
    format: z
      .enum(['ndjson', 'parquet'])
      .default('ndjson')
      .describe(
        "How the files are written. `ndjson`: one event on each line. `parquet`: one event in each row, with a column for each field of the stream's schema (see above).",
      ),
    by: z
      .enum(['month', 'day', 'hour'])
      .default('day')
      .describe(
        "How finely the events' time, in UTC, divides the files into Hive-style partitions: `hour` gives `year=2026/month=11/day=05/hour=07`, `day` the first three of these, `month` the first two.",
      ),
    fields: z
      .array(z.string().min(1))
      .readonly()
      .default([])
      .meta({ writtenAs: "fields of the stream's schema" })
      .describe(
        "Fields of the events' data that divide the files further, in this order: `region=EU`. A missing, null or empty value is `region=__HIVE_DEFAULT_PARTITION__`. Names differ from each other and from `year`, `month`, `day` and `hour` in use, whatever their capitals.",
      ),
    lines: z
      .enum(['event', 'data', 'record'])
      .default('event')
      .describe(
        'What each line or row holds. `event`: the whole CloudEvent; in Parquet the columns `event_id`, `event_source`, `event_type`, `event_time`, `event_key` and `event_sequence`, and those of the data. `data`: the data alone. `record`: the records of the log as they came, from which a table can be made again ([archives](tables.md#an-archive-of-the-stream)); `by`, `fields`, `compact` and Parquet do not go with it.',
      ),
    compression: z.enum(['gzip', 'zstd', 'none']).default('gzip').meta({
      otherwise: "`'gzip'` for NDJSON, `'zstd'` for Parquet",
      description: 'How each NDJSON file is compressed. Parquet compresses its columns with zstd.',
    }),
    targetBytes: z
      .int()
      .min(1)
      .max(128 * MIB)
      .default(64 * MIB)
      .describe(
        'The size, in bytes of JSON before compression, that ends a file: the next event starts another one. Only a single event may exceed it. A run reads at most about 128 MiB of a shard at a time, so files are smaller when little data has arrived.',
      ),
    targetRows: z.int().min(1).default(1_000_000).describe('The number of events that ends a file.'),
    compact: z.int().min(60_000).optional().meta({
      writtenAs: '`minutes(…)` or `hours(…)`',
      otherwise: 'files are never merged',
      description:
        'How often, at the end of a run, the sink merges the small files of each partition: 8 or more of about one size, below 16 MiB, become one. Instead of leaving it out again, make it long: a merge that was begun is finished only with it.',
    }),
  })
  .check(({ value, issues }) => {
    if (value.format === 'parquet' && value.compression !== 'zstd')
      issues.push({
        code: 'custom',
        input: value,
        path: ['compression'],
        message: `is '${value.compression}', and Parquet is compressed with zstd: leave it out`,
      });
    if (value.lines === 'record')
      for (const [path, message] of mistakesOfArchive(value))
        issues.push({ code: 'custom', input: value, path: [path], message });
    for (const problem of problemsOfNames(value)) issues.push({ code: 'custom', input: value, ...problem });
  });

export type S3Options = z.infer<typeof Options>;

/** Lists what does not go with `lines: 'record'`: the files of a shard are in the order of the log, and stay. */
function mistakesOfArchive({
  format,
  fields,
  compact,
  targetBytes,
}: Pick<S3Options, 'format' | 'fields' | 'compact' | 'targetBytes'>): readonly (readonly [string, string])[] {
  const why = "goes with lines: 'event' or 'data' only";
  return [
    ...(format === 'parquet' ? [['format', `'parquet' ${why}: leave it out`] as const] : []),
    ...(fields.length > 0
      ? [['fields', `${why}, because the files are divided by shards: leave it out`] as const]
      : []),
    ...(compact !== undefined ? [['compact', `${why}: a longer \`every\` makes fewer files`] as const] : []),
    ...(targetBytes > ARCHIVED_BYTES
      ? [
          [
            'targetBytes',
            `is at most ${ARCHIVED_BYTES} with lines: 'record', because a table reads a file whole`,
          ] as const,
        ]
      : []),
  ];
}

const ARCHIVED_BYTES = 64 * MIB;
