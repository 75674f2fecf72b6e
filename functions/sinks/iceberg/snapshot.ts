import { randomBytes, randomUUID } from 'node:crypto';
import { decodeAvro, encodeAvro } from './avro/container.ts';
import { MANIFEST_LIST, manifestSchema, renamed } from './avro/schemas.ts';
import type { Changes } from './catalog/rest-catalog.ts';
import type { Table } from './catalog/table-metadata.ts';
import type { DataFile } from './data-files.ts';
import type { TableFiles } from './files.ts';
import { type ListedManifest, manifestsToMerge, mergeManifests } from './merge-manifests.ts';

/** What a commit adds to a table, and the properties that move with it. */
export interface Addition {
  /** None: the snapshot has the rows of the one before. */
  readonly files: readonly DataFile[];
  readonly properties: (snapshot: {
    readonly id: bigint;
    readonly sequence: bigint;
  }) => Readonly<Record<string, string>>;
  /** Properties to take away. */
  readonly removals: readonly string[];
}

/**
 * Writes the manifest and the manifest list of a new snapshot, under names that nothing else has, and returns the
 * changes that make it the current one: where `main` is still what it was when the table was loaded, and not otherwise.
 */
export async function prepareSnapshot(
  table: Table,
  { files, properties, removals }: Addition,
  {
    store,
    nowMillis,
    signal,
  }: { readonly store: TableFiles; readonly nowMillis: number; readonly signal: AbortSignal },
): Promise<Changes> {
  const id = newSnapshotId();
  const sequence = table.lastSequence + 1n;
  const folder = (table.properties['write.metadata.path'] ?? `${table.location}/metadata`).replace(/\/$/, '');
  const unique = randomUUID();
  const before = await manifestsOf(table, store, signal);
  const toMerge = new Set(manifestsToMerge(table, before));
  const merged = toMerge.size === 0 ? undefined : await mergeManifests(table, [...toMerge], { store, signal });
  const mergedUrl = `${folder}/${unique}-m1.avro`;
  if (merged !== undefined) await store.put(mergedUrl, merged.bytes, signal);
  const added = files.length === 0 ? [] : [manifestOf(table, files, { id, url: `${folder}/${unique}-m0.avro` })];
  for (const { url, bytes } of added) await store.put(url, bytes, signal);
  const listUrl = `${folder}/snap-${id}-1-${unique}.avro`;
  const entries = added.map(({ url, bytes, rows }) => ({
    manifest_path: url,
    manifest_length: BigInt(bytes.length),
    partition_spec_id: table.spec['spec-id'],
    content: 0,
    sequence_number: sequence,
    min_sequence_number: sequence,
    added_snapshot_id: id,
    added_files_count: files.length,
    existing_files_count: 0,
    deleted_files_count: 0,
    added_rows_count: rows,
    existing_rows_count: 0n,
    deleted_rows_count: 0n,
    partitions: partitionsOf(
      table,
      files.map(({ partition }) => partition),
    ),
    key_metadata: null,
  }));
  const others = before.filter((one) => !toMerge.has(one));
  const instead =
    merged === undefined
      ? []
      : [
          {
            manifest_path: mergedUrl,
            manifest_length: BigInt(merged.bytes.length),
            partition_spec_id: table.spec['spec-id'],
            content: 0,
            sequence_number: sequence,
            min_sequence_number: merged.leastSequence,
            added_snapshot_id: id,
            added_files_count: 0,
            existing_files_count: merged.files,
            deleted_files_count: 0,
            added_rows_count: 0n,
            existing_rows_count: merged.rows,
            deleted_rows_count: 0n,
            partitions: partitionsOf(table, merged.partitions),
            key_metadata: null,
          },
        ];
  const parent = table.current?.['snapshot-id'];
  const about = {
    'snapshot-id': String(id),
    'parent-snapshot-id': parent === undefined ? 'null' : String(parent),
    'sequence-number': String(sequence),
    'format-version': '2',
  };
  await store.put(listUrl, encodeAvro(MANIFEST_LIST, about, [...entries, ...instead, ...others]), signal);
  return {
    requirements: [
      { type: 'assert-table-uuid', uuid: table.uuid },
      { type: 'assert-ref-snapshot-id', ref: 'main', 'snapshot-id': parent ?? null },
    ],
    updates: [
      {
        action: 'add-snapshot',
        snapshot: {
          'snapshot-id': id,
          ...(parent === undefined ? {} : { 'parent-snapshot-id': parent }),
          'sequence-number': sequence,
          'timestamp-ms': Math.max(nowMillis, table.lastUpdatedMillis),
          'manifest-list': listUrl,
          summary: summaryOf(table, files),
          'schema-id': table.schema['schema-id'],
        },
      },
      { action: 'set-snapshot-ref', 'ref-name': 'main', type: 'branch', 'snapshot-id': id },
      { action: 'set-properties', updates: properties({ id, sequence }) },
      ...(removals.length === 0 ? [] : [{ action: 'remove-properties', removals }]),
    ],
  };
}

/** Makes an id of 52 bits: readers in JavaScript keep it too. */
function newSnapshotId(): bigint {
  return (randomBytes(8).readBigUInt64BE() >> 12n) + 1n;
}

async function manifestsOf(
  { current }: Table,
  store: TableFiles,
  signal: AbortSignal,
): Promise<readonly ListedManifest[]> {
  if (current === undefined) return [];
  const url = current['manifest-list'];
  if (url === undefined) throw new Error(`snapshot ${current['snapshot-id']} of the table has no manifest list`);
  const { schema, records } = decodeAvro(await store.get(url, signal));
  return renamed(records, schema, MANIFEST_LIST) as readonly ListedManifest[];
}

interface Manifest {
  readonly url: string;
  readonly bytes: Buffer;
  readonly rows: bigint;
}

function manifestOf(
  { schema, spec }: Table,
  files: readonly DataFile[],
  { id, url }: { readonly id: bigint; readonly url: string },
): Manifest {
  const [field] = spec.fields;
  const records = files.map((file) => ({
    status: ADDED,
    snapshot_id: id,
    // Inherited from the manifest list, so that a repeated commit could use the manifest again.
    sequence_number: null,
    file_sequence_number: null,
    data_file: {
      content: 0,
      file_path: file.url,
      file_format: 'PARQUET',
      partition: field === undefined ? {} : { [field.name]: file.partition ?? null },
      record_count: BigInt(file.rows),
      file_size_in_bytes: BigInt(file.bytes),
      column_sizes: null,
      value_counts: null,
      null_value_counts: null,
      nan_value_counts: null,
      lower_bounds: null,
      upper_bounds: null,
      key_metadata: null,
      split_offsets: null,
      equality_ids: null,
      sort_order_id: null,
    },
  }));
  const about = {
    schema: JSON.stringify({ type: 'struct', ...schema }),
    'schema-id': String(schema['schema-id']),
    'partition-spec': JSON.stringify(spec.fields),
    'partition-spec-id': String(spec['spec-id']),
    'format-version': '2',
    content: 'data',
  };
  const bytes = encodeAvro(manifestSchema(spec.fields), about, records);
  return { url, bytes, rows: files.reduce((sum, { rows }) => sum + BigInt(rows), 0n) };
}

/** The status of a file that a manifest's snapshot has added. */
const ADDED = 1;

/** What a reader may skip a manifest by. */
function partitionsOf({ spec }: Table, all: readonly (number | undefined)[]): readonly object[] {
  if (spec.fields.length === 0) return [];
  const values = all.filter((value) => value !== undefined);
  const bound = (value: number): Buffer => {
    const bytes = Buffer.alloc(4);
    bytes.writeInt32LE(value);
    return bytes;
  };
  return [
    {
      contains_null: values.length < all.length,
      contains_nan: null,
      lower_bound: values.length === 0 ? null : bound(values.reduce((a, b) => Math.min(a, b))),
      upper_bound: values.length === 0 ? null : bound(values.reduce((a, b) => Math.max(a, b))),
    },
  ];
}

/** Counts what the snapshot adds, and what the table then has, as the snapshot before has counted. */
function summaryOf({ current }: Table, files: readonly DataFile[]): Readonly<Record<string, string>> {
  const rows = files.reduce((sum, file) => sum + file.rows, 0);
  const bytes = files.reduce((sum, file) => sum + file.bytes, 0);
  const total = (name: string, more: number): Readonly<Record<string, string>> => {
    const before = current === undefined ? '0' : current.summary[name];
    return before === undefined ? {} : { [name]: String(BigInt(before) + BigInt(more)) };
  };
  return {
    operation: 'append',
    'added-data-files': String(files.length),
    'added-records': String(rows),
    'added-files-size': String(bytes),
    ...total('total-records', rows),
    ...total('total-data-files', files.length),
    ...total('total-files-size', bytes),
    ...total('total-delete-files', 0),
    ...total('total-position-deletes', 0),
    ...total('total-equality-deletes', 0),
  };
}
