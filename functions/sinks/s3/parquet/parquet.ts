import { z } from 'zod';
import { UserMistake } from '../../../runtime/errors.ts';
import { defineSink } from '../../../runtime/sink.ts';
import { sinkHandler } from '../../../runtime/sink-handler.ts';
import type { Merge } from '../compaction/merge.ts';
import { ndjsonContent } from '../ndjson-content.ts';
import { Options } from '../options.ts';
import { openLake, s3Definition } from '../s3.ts';
import { ParquetColumn } from './column-types.ts';
import { mergeFiles } from './merge-files.ts';
import { parquetFiles } from './parquet-file.ts';

const Resources = z.strictObject({
  /** The name of the lake's bucket. */
  bucket: z.string().min(1),
  /** The columns of the events' data, derived from the stream's schema. Required for Parquet. */
  columns: z.array(ParquetColumn).min(1).optional(),
});

/**
 * The S3 sink with `format: 'parquet'`: a module of its own, because its function carries DuckDB. Names and ranges are
 * those of s3.ts; the rows of a file follow from the events and the columns.
 *
 * A slice that was begun as NDJSON, before the format was changed, is finished as NDJSON. An event becomes a dead
 * letter, with field and value, when the type of a column cannot hold its value.
 */
export const parquetDefinition = parquetSinkWith(parquetFiles, mergeFiles);

/** Defines the sink with another way to make and to merge files, for tests whose clock has to stand still meanwhile. */
export function parquetSinkWith(makeFiles: typeof parquetFiles, merge: Merge) {
  return defineSink({
    options: Options,
    resources: Resources,
    into: s3Definition.into,
    doubles: s3Definition.doubles,
    takesRecords: ({ lines }) => lines === 'record',
    open({ step, options, resources: { bucket, columns } }) {
      if (options.format === 'ndjson') return openLake(options, { bucket, contentOf: ndjsonContent(options), merge });
      if (columns === undefined)
        throw new UserMistake(
          `step '${step}': format is 'parquet', but its resources have no columns: deploy the pipeline again`,
        );
      return openLake(options, { bucket, contentOf: makeFiles(columns, options.lines), merge });
    },
  });
}

export const handler = sinkHandler(parquetDefinition);
