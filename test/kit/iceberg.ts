import { DeleteObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import { decodeAvro } from '../../functions/sinks/iceberg/avro/container.ts';
import type { IcebergCatalog } from '../../infra/local/servers/iceberg/catalog.ts';
import type { RunCatalog } from './iceberg-catalog.ts';
import { askParquet, type ParquetRow } from './parquet.ts';
import type { Stage } from './stage.ts';

/** An Iceberg table, as a reader finds it. */
export interface IcebergView {
  /** The rows of the current snapshot. */
  readonly rows: readonly ParquetRow[];
  readonly properties: Readonly<Record<string, string>>;
  /** The snapshots that have not expired. */
  readonly snapshots: readonly { readonly id: bigint; readonly summary: Readonly<Record<string, string>> }[];
}

/** A table of a step in a run, for readers and for those who change it beside the step. */
export interface RunTable {
  readonly namespace: string;
  readonly table: string;
  readonly catalog: RunCatalog;
  /** Reads a file by its URL. */
  read(url: string): Promise<Buffer>;
  write(url: string, bytes: Buffer): Promise<void>;
  remove(url: string): Promise<void>;
  /** Lists the files below the lake's folder of tables, with the time of each. */
  files(): readonly { readonly url: string; readonly millis: number }[];
}

export function runTable({ iceberg, names, s3 }: Stage, { options }: { readonly options: unknown }): RunTable {
  const { table, namespace = `millrace_${names.stage}` } = options as {
    readonly table: string;
    readonly namespace?: string;
  };
  const Bucket = names.lake;
  const start = `s3://${Bucket}/`;
  const keyOf = (url: string): string => url.slice(start.length);
  return {
    namespace,
    table,
    catalog: iceberg,
    async read(url) {
      const found = s3.objects(Bucket).find(({ key }) => key === keyOf(url));
      if (found === undefined) throw new Error(`${url} is gone`);
      return found.bytes;
    },
    async write(url, Body) {
      await s3.call(new PutObjectCommand({ Bucket, Key: keyOf(url), Body }));
    },
    async remove(url) {
      await s3.call(new DeleteObjectCommand({ Bucket, Key: keyOf(url) }));
    },
    files: () =>
      s3
        .objects(Bucket)
        .filter(({ key }) => key.startsWith('iceberg/'))
        .map(({ key, lastModified }) => ({ url: `${start}${key}`, millis: lastModified.getTime() })),
  };
}

/** Reads a table as readers do: the snapshot's list of manifests, the manifests, and the files that they name. */
export async function viewOf(
  catalog: Pick<IcebergCatalog, 'metadata'>,
  { namespace, table }: { readonly namespace: string; readonly table: string },
  read: (url: string) => Promise<Buffer>,
): Promise<IcebergView> {
  const metadata = catalog.metadata(namespace, table);
  if (metadata === undefined) return { rows: [], properties: {}, snapshots: [] };
  const current = metadata.snapshots.find((one) => one['snapshot-id'] === metadata['current-snapshot-id']);
  const listed = current === undefined ? [] : await recordsOf(read, current['manifest-list']);
  const files = new Map<string, Buffer>();
  const urls = new Set<string>();
  let rows = 0n;
  // In the order in which they were added.
  for (const { manifest_path } of listed.toSorted((a, b) => Number(a.sequence_number - b.sequence_number))) {
    for (const { status, data_file } of await recordsOf(read, manifest_path)) {
      if (status === DELETED) continue;
      const { file_path: url, record_count, file_size_in_bytes } = data_file;
      const bytes = await read(url);
      if (BigInt(bytes.length) !== file_size_in_bytes) throw new Error(`${url} has ${bytes.length} bytes`);
      if (urls.has(url)) throw new Error(`${url} is in the table twice`);
      urls.add(url);
      files.set(String(files.size).padStart(8, '0'), bytes);
      rows += record_count;
    }
  }
  const found = files.size === 0 ? [] : await askParquet(files);
  if (BigInt(found.length) !== rows) throw new Error(`the manifests count ${rows} rows, and there are ${found.length}`);
  return {
    rows: found,
    properties: metadata.properties,
    snapshots: metadata.snapshots.map((one) => ({
      id: one['snapshot-id'],
      summary: one.summary as Readonly<Record<string, string>>,
    })),
  };
}

const DELETED = 2;

interface Listed {
  readonly manifest_path: string;
  readonly sequence_number: bigint;
  readonly status: number;
  readonly data_file: {
    readonly file_path: string;
    readonly record_count: bigint;
    readonly file_size_in_bytes: bigint;
  };
}

async function recordsOf(read: (url: string) => Promise<Buffer>, url: string): Promise<readonly Listed[]> {
  return decodeAvro(await read(url)).records as readonly Listed[];
}
