import { z } from 'zod';

const MIB = 1024 * 1024;

/** A name that Glue, S3 Tables and Athena all take. Two underscores stand before the name of a replay. */
const NAME = /^(?!.*__)[a-z0-9](?:[a-z0-9_]{0,98}[a-z0-9])?$/;
const NAME_SAYS = 'is made of a-z, 0-9 and _, at most 100, with no two _ in a row and none at its ends';

/** The table of the sink, or of one of its replays. */
const TABLE = /^[a-z0-9](?:[a-z0-9_]{0,198}[a-z0-9])?$/;

export const Options = z
  .strictObject({
    table: z
      .string()
      .regex(TABLE, NAME_SAYS)
      .describe(
        'The name of the table. The sink makes it, with a column for each field, or writes to one that is there.',
      ),
    namespace: z.string().regex(NAME, NAME_SAYS).optional().meta({
      otherwise: '`millrace_<stage>`, which the sink makes',
      description:
        'The namespace of the table (in Glue: the database), as it is called in the catalogue. It has to be there. Of two stages with one namespace, both would write to one table.',
    }),
    catalog: z
      .enum(['glue', 's3tables'])
      .default('glue')
      .describe(
        "Who keeps the table. `glue`: the Glue Data Catalog of the account; the sink's new tables lie in the stage's lake bucket, below `iceberg/`. `s3tables`: the table bucket of S3 Tables that `tableBucket` names.",
      ),
    tableBucket: z
      .string()
      .regex(/^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$/, 'is the name of a table bucket: 3 to 63 of a-z, 0-9 and -')
      .optional()
      .meta({
        otherwise: 'none; required for `s3tables`',
        description: 'The name of the table bucket, in the account and region of the stage. You make it.',
      }),
    location: z
      .string()
      .regex(
        /^s3:\/\/[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](\/[\w.=-]+)*$/,
        'is s3://<bucket>/<folder>, without a slash at its end',
      )
      .optional()
      .meta({
        otherwise: "below `iceberg/` of the stage's lake bucket",
        description:
          'Where the table lies in S3, for a table that is there or that lies elsewhere: `s3://analytics/orders`. The function may read and write there. Not for `s3tables`, which chooses itself.',
      }),
    by: z.enum(['month', 'day', 'hour']).optional().meta({
      otherwise: 'the table is not divided',
      description:
        "How finely a new table is divided by the events' time, in UTC (Iceberg's hidden partitions). Needs `lines: 'event'`. A table that is there keeps its own way.",
    }),
    lines: z
      .enum(['event', 'data'])
      .default('event')
      .describe(
        'What each row holds. `event`: the columns `event_id`, `event_source`, `event_type`, `event_time`, `event_key` and `event_sequence`, and those of the data. `data`: the data alone.',
      ),
    targetBytes: z
      .int()
      .min(1)
      .max(128 * MIB)
      .default(64 * MIB)
      .describe('The size, in bytes of JSON before compression, that ends a file: the next event starts another one.'),
    targetRows: z.int().min(1).default(1_000_000).describe('The number of events that ends a file.'),
  })
  .check(({ value, issues }) => {
    const refuse = (path: string, message: string): void => {
      issues.push({ code: 'custom', input: value, path: [path], message });
    };
    if (value.catalog === 's3tables' && value.tableBucket === undefined)
      refuse('tableBucket', "is missing: catalog is 's3tables', so say which table bucket");
    if (value.catalog === 'glue' && value.tableBucket !== undefined)
      refuse('tableBucket', "is for catalog: 's3tables' alone: leave it out");
    if (value.catalog === 's3tables' && value.location !== undefined)
      refuse('location', "is for catalog: 'glue' alone: S3 Tables chooses where a table lies");
    if (value.by !== undefined && value.lines === 'data')
      refuse('by', "divides by the column event_time, which lines: 'data' does not have: leave one of them out");
  });

export type IcebergOptions = z.infer<typeof Options>;

/** What follows a table's name in the name of a replay's table. */
export const REPLAYED = '__';
