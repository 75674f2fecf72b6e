import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Merge, mergeNdjson } from '../compaction/merge.ts';
import { quotedText } from './column-types.ts';
import { openDuckDb } from './duckdb.ts';
import { WRITTEN_AS } from './statements.ts';

/**
 * Merges files of Parquet: all rows in the order of the files, with all columns that one of them has. A sink that once
 * wrote NDJSON merges that too.
 */
export const mergeFiles: Merge = async (contents, ending, signal) => {
  if (ending !== '.parquet') return mergeNdjson(contents, ending, signal);
  const { folder, exclusively } = await openDuckDb();
  return exclusively(async (run) => {
    const inputs = contents.map((_, index) => join(folder, `merged-${String(index).padStart(8, '0')}.parquet`));
    const output = join(folder, 'merged.parquet');
    try {
      for (const [index, path] of inputs.entries()) await writeFile(path, contents[index] as Buffer, { signal });
      const files = `[${inputs.map(quotedText).join(', ')}]`;
      await run(
        `COPY (SELECT * FROM read_parquet(${files}, union_by_name = true, hive_partitioning = false)) TO ${quotedText(output)} ${WRITTEN_AS}`,
      );
      return await readFile(output);
    } finally {
      await Promise.all([...inputs, output].map((path) => rm(path, { force: true })));
    }
  }, signal);
};
