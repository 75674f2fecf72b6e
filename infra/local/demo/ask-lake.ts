import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { GetObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import { DuckDBInstance } from '@duckdb/node-api';
import { listObjects } from './lake.ts';

/** Asks a question in SQL, in which `lake` is the table of all Parquet files. Resolves to the rows. */
export type AskLake = <Row>(question: string) => Promise<readonly Row[]>;

/**
 * Gives DuckDB the Parquet files below a prefix of the lake, partitions included, as an analyst's DuckDB, Athena or
 * Spark reads them from the bucket itself.
 */
export async function askLake<Answer>(
  { s3, bucket, prefix }: { readonly s3: S3Client; readonly bucket: string; readonly prefix: string },
  work: (ask: AskLake) => Promise<Answer>,
): Promise<Answer> {
  const folder = await mkdtemp(join(tmpdir(), 'millrace-lake-'));
  const instance = await DuckDBInstance.create(':memory:');
  const connection = await instance.connect();
  try {
    await Promise.all((await listObjects(s3, bucket, prefix)).map(({ key }) => download({ s3, bucket, key }, folder)));
    await connection.run(`SET TimeZone = 'UTC'`);
    await connection.run(
      `CREATE VIEW lake AS SELECT * FROM read_parquet('${join(folder, prefix)}**/*.parquet', hive_partitioning = true)`,
    );
    return await work(async <Row>(question: string) => {
      const answer = await connection.runAndReadAll(question);
      return answer.getRowObjectsJson() as Row[];
    });
  } finally {
    connection.closeSync();
    instance.closeSync();
    await rm(folder, { recursive: true, force: true });
  }
}

async function download(
  { s3, bucket, key }: { readonly s3: S3Client; readonly bucket: string; readonly key: string },
  folder: string,
): Promise<void> {
  const { Body } = await s3.send(new GetObjectCommand({ Bucket: bucket, Key: key }));
  const path = join(folder, key);
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, (await Body?.transformToByteArray()) ?? new Uint8Array());
}
