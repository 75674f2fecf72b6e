import { UserMistake } from '../../../functions/runtime/errors.ts';
import { decodeAvro } from '../../../functions/sinks/iceberg/avro/container.ts';
import { MANIFEST_LIST, manifestEntries, renamed } from '../../../functions/sinks/iceberg/avro/schemas.ts';
import type { Table } from '../../../functions/sinks/iceberg/catalog/table-metadata.ts';
import type { RowOrder } from './stored-rows.ts';

/** A file of the rows of a table's current snapshot. */
export interface TableFile {
  /** Its URL. */
  readonly key: string;
  readonly bytes: number;
  /** The order of its rows among those of other files, without their place in the file. */
  readonly order: Omit<RowOrder, 'at'>;
  /** The number of the file in its manifest. */
  readonly number: string;
}

interface Listed {
  readonly manifest_path: string;
  readonly content: number;
  readonly sequence_number: bigint;
}

interface Entry {
  readonly status: number;
  readonly sequence_number: bigint | null;
  readonly data_file: {
    readonly file_path: string;
    readonly file_size_in_bytes: bigint;
    readonly partition: Readonly<Record<string, unknown>>;
  };
}

/** Lists the files of a table's current snapshot. `get` reads a file of the table's metadata. */
export async function listTable(
  { current, spec }: Table,
  { called, get }: { readonly called: string; readonly get: (url: string) => Promise<Buffer> },
): Promise<readonly TableFile[]> {
  const list = current?.['manifest-list'];
  if (list === undefined) return [];
  const { records, schema } = decodeAvro(await get(list));
  const manifests = renamed(records, schema, MANIFEST_LIST) as readonly Listed[];
  if (manifests.some(({ content }) => content === DELETIONS))
    throw new UserMistake(
      `the table ${called} has files of deleted rows, which compare does not apply: rewrite its data files first (CALL system.rewrite_data_files)`,
    );
  const files: TableFile[] = [];
  for (const { manifest_path, sequence_number: inherited } of manifests) {
    const manifest = decodeAvro(await get(manifest_path));
    const entries = manifestEntries(manifest.records, manifest.schema, spec.fields) as readonly Entry[];
    for (const [index, { status, sequence_number, data_file }] of entries.entries()) {
      if (status === DELETED) continue;
      const { file_path: key, file_size_in_bytes: bytes, partition } = data_file;
      const order = orderOf(key, { sequence: sequence_number ?? inherited, partition });
      files.push({ key, bytes: Number(bytes), order, number: padded(index) });
    }
  }
  return files;
}

/** The content of a manifest whose files say which rows are deleted. */
const DELETIONS = 1;
/** The status of a file that a snapshot has taken away. */
const DELETED = 2;

/** The names of files that the sink has written. Those who merge files use others. */
const OWN = /\/[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}\.parquet$/;

/**
 * Tells which events a file has. The events of a key come in the order of the sink's commits, whose numbers grow. One
 * commit may have files of several partitions, and the order among these is not known.
 */
function orderOf(
  key: string,
  { sequence, partition }: { readonly sequence: bigint; readonly partition: Entry['data_file']['partition'] },
): Omit<RowOrder, 'at'> {
  if (!OWN.test(key)) return { group: key, from: '', to: '~' };
  const parts = Object.entries(partition).map(([name, value]) => `${name}=${String(value)}`);
  return { group: [sequence, ...parts].join('/'), from: padded(sequence - 1n), to: padded(sequence) };
}

const WIDTH = 20;

function padded(number: number | bigint): string {
  return String(number).padStart(WIDTH, '0');
}
