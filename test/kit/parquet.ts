import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';

/** One for the process: to start DuckDB takes longer than to ask it. */
let connection: Promise<DuckDBConnection> | undefined;

export type ParquetRow = Readonly<Record<string, unknown>>;

/**
 * Asks DuckDB about Parquet files. `$files` in the statement stands for their rows, in the order of the files' names,
 * and `$paths` for the list of the files.
 */
export async function askParquet(
  files: ReadonlyMap<string, Uint8Array>,
  statement = 'SELECT * FROM $files',
): Promise<readonly ParquetRow[]> {
  const folder = await mkdtemp(join(tmpdir(), 'millrace-ask-'));
  connection ??= DuckDBInstance.create(':memory:', { threads: '1' }).then((instance) => instance.connect());
  const duckdb = await connection;
  try {
    const paths = [...files]
      .sort(([one], [other]) => (one < other ? -1 : 1))
      .map(([, bytes], index) => ({
        path: join(folder, `${String(index).padStart(8, '0')}.parquet`),
        bytes,
      }));
    await Promise.all(paths.map(({ path, bytes }) => writeFile(path, bytes)));
    await duckdb.run("SET TimeZone = 'UTC'");
    const list = `[${paths.map(({ path }) => `'${path}'`).join(', ')}]`;
    const asked = statement
      .replaceAll('$files', `read_parquet(${list}, union_by_name = true)`)
      .replaceAll('$paths', list);
    return (await duckdb.runAndReadAll(asked)).getRowObjectsJson() as ParquetRow[];
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
