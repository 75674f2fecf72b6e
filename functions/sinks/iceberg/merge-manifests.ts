import { decodeAvro, encodeAvro } from './avro/container.ts';
import { manifestEntries, manifestSchema } from './avro/schemas.ts';
import type { Table } from './catalog/table-metadata.ts';
import type { TableFiles } from './files.ts';

/** A manifest, as the manifest list of a snapshot names it. */
export interface ListedManifest {
  readonly manifest_path: string;
  readonly manifest_length: bigint;
  readonly partition_spec_id: number;
  /** 0: its files have rows; 1: deletions. */
  readonly content: number;
  readonly sequence_number: bigint;
  readonly added_snapshot_id: bigint;
}

/** Several manifests as one. */
export interface MergedManifest {
  readonly bytes: Buffer;
  readonly files: number;
  readonly rows: bigint;
  readonly leastSequence: bigint;
  readonly partitions: readonly (number | undefined)[];
}

/** A property of Iceberg's own: from how many small manifests on they become one. */
const MERGE_FROM = 'commit.manifest.min-count-to-merge';
const MERGED_BY_DEFAULT = 100;
/** A manifest of this size is no small one, and a merged one becomes no larger. */
const LARGE_BYTES = 8 * 1024 * 1024;
const READ_AT_ONCE = 8;

/**
 * Chooses the manifests that a commit makes one of: without that, the list of a table that nobody else looks after
 * would grow by one with each commit. None: they are few.
 */
export function manifestsToMerge(table: Table, listed: readonly ListedManifest[]): readonly ListedManifest[] {
  const fewest = Number(table.properties[MERGE_FROM] ?? MERGED_BY_DEFAULT);
  const small = listed.filter(
    (one) => one.content === 0 && one.partition_spec_id === table.spec['spec-id'] && one.manifest_length < LARGE_BYTES,
  );
  if (!(fewest >= 2) || small.length < fewest) return [];
  let bytes = 0n;
  return small.filter(({ manifest_length }) => {
    bytes += manifest_length;
    return bytes < LARGE_BYTES;
  });
}

/** Makes one manifest of several. Each file keeps the snapshot and the sequence number that it was added with. */
export async function mergeManifests(
  { spec, schema }: Table,
  listed: readonly ListedManifest[],
  { store, signal }: { readonly store: TableFiles; readonly signal: AbortSignal },
): Promise<MergedManifest> {
  const entries: MergedEntry[] = [];
  for (let at = 0; at < listed.length; at += READ_AT_ONCE) {
    const some = listed.slice(at, at + READ_AT_ONCE);
    const read = await Promise.all(some.map(({ manifest_path }) => store.get(manifest_path, signal)));
    for (const [index, bytes] of read.entries())
      entries.push(...existing(bytes, some[index] as ListedManifest, spec.fields));
  }
  const about = {
    schema: JSON.stringify({ type: 'struct', ...schema }),
    'schema-id': String(schema['schema-id']),
    'partition-spec': JSON.stringify(spec.fields),
    'partition-spec-id': String(spec['spec-id']),
    'format-version': '2',
    content: 'data',
  };
  const [field] = spec.fields;
  return {
    bytes: encodeAvro(manifestSchema(spec.fields), about, entries),
    files: entries.length,
    rows: entries.reduce((sum, { data_file }) => sum + data_file.record_count, 0n),
    leastSequence: entries.reduce(
      (least, one) => (one.sequence_number < least ? one.sequence_number : least),
      2n ** 62n,
    ),
    partitions: entries.map(({ data_file: { partition } }) =>
      field === undefined ? undefined : ((partition[field.name] ?? undefined) as number | undefined),
    ),
  };
}

interface MergedEntry {
  readonly status: number;
  readonly snapshot_id: bigint;
  readonly sequence_number: bigint;
  readonly file_sequence_number: bigint;
  readonly data_file: {
    readonly record_count: bigint;
    readonly partition: Readonly<Record<string, unknown>>;
  };
}

const [EXISTING, DELETED] = [0, 2];

function existing(
  bytes: Buffer,
  { sequence_number: sequence, added_snapshot_id: snapshot }: ListedManifest,
  partition: Table['spec']['fields'],
): readonly MergedEntry[] {
  const { records, schema } = decodeAvro(bytes);
  const entries = manifestEntries(records, schema, partition) as readonly (Omit<
    MergedEntry,
    'snapshot_id' | 'sequence_number' | 'file_sequence_number'
  > & { readonly [K in 'snapshot_id' | 'sequence_number' | 'file_sequence_number']: bigint | null })[];
  return entries
    .filter(({ status }) => status !== DELETED)
    .map((entry) => ({
      status: EXISTING,
      // What is not there is inherited from the list.
      snapshot_id: entry.snapshot_id ?? snapshot,
      sequence_number: entry.sequence_number ?? sequence,
      file_sequence_number: entry.file_sequence_number ?? sequence,
      data_file: entry.data_file,
    }));
}
