import { z } from 'zod';
import { problemsOfNames } from './partitions.ts';

const MIB = 1024 * 1024;

export const Options = z
  .strictObject({
    /** Where the files go in the lake: `orders`, `shop/orders`. A prefix is one sink's own. */
    prefix: z
      .string()
      .regex(
        /^(?!\.+(\/|$))[\w.=-]+(\/(?!\.+(\/|$))[\w.=-]+)*$/,
        'is made of letters, digits and _ - . = in parts with / between them, none at its ends',
      ),
    /**
     * The partition that an event is in by its time, in UTC: `year=2026/month=11/day=05/hour=07`, or fewer of these.
     */
    by: z.enum(['month', 'day', 'hour']).default('day'),
    /**
     * Then by these fields of the data: `region=EU`. What is missing, null or empty is in
     * `region=__HIVE_DEFAULT_PARTITION__`.
     */
    fields: z.array(z.string().min(1)).readonly().default([]),
    /** `event`: lines are whole CloudEvents, which can be replayed. `data`: their data alone. */
    lines: z.enum(['event', 'data']).default('event'),
    compression: z.enum(['gzip', 'zstd', 'none']).default('gzip'),
    /**
     * A file ends before it has more bytes than this, not compressed; one event may have more. A slice has some 128 MiB
     * at most.
     */
    targetBytes: z
      .int()
      .min(1)
      .max(128 * MIB)
      .default(64 * MIB),
    /** A file ends after as many events. */
    targetRows: z.int().min(1).default(1_000_000),
  })
  .check(({ value, issues }) => {
    for (const problem of problemsOfNames(value)) issues.push({ code: 'custom', input: value, ...problem });
  });

export type S3Options = z.infer<typeof Options>;
