import { expect, test } from 'vitest';
import { encodeAvro } from '../../../../functions/sinks/iceberg/avro/container.ts';
import { MANIFEST_LIST, manifestSchema } from '../../../../functions/sinks/iceberg/avro/schemas.ts';
import { type Table, tableOf } from '../../../../functions/sinks/iceberg/catalog/table-metadata.ts';
import { listTable } from '../../../../infra/operation/compare/iceberg-files.ts';

const OWN = ['0', '1', '2', '3'].map((n) => `s3://lake/t/data/00000000-0000-4000-8000-00000000000${n}.parquet`);
const COMPACTED = 's3://lake/t/data/00000-1-abc.parquet';
const FIELDS = [{ name: 'event_time_day', transform: 'day', 'source-id': 4, 'field-id': 1000 }];

interface Given {
  readonly url: string;
  readonly day: number;
  readonly status?: number;
}

/** Makes a table whose current snapshot has these manifests, each of one commit. */
function tableWith(manifests: readonly { readonly sequence: bigint; readonly files: readonly Given[] }[], content = 0) {
  const stored = new Map<string, Buffer>();
  const listed = manifests.map(({ sequence, files }, index) => {
    const url = `s3://lake/t/metadata/m${index}.avro`;
    stored.set(url, encodeAvro(manifestSchema(FIELDS), {}, files.map(entryOf)));
    return listedManifest(url, { sequence, content });
  });
  stored.set('list', encodeAvro(MANIFEST_LIST, {}, listed));
  const table: Table = tableOf({
    'format-version': 2,
    'table-uuid': 'uuid',
    location: 's3://lake/t',
    'last-column-id': 1,
    schemas: [{ 'schema-id': 0, fields: [] }],
    'current-schema-id': 0,
    'partition-specs': [{ 'spec-id': 0, fields: FIELDS }],
    'default-spec-id': 0,
    'current-snapshot-id': 1,
    snapshots: [{ 'snapshot-id': 1, 'timestamp-ms': 0, 'manifest-list': 'list' }],
  });
  const get = async (url: string): Promise<Buffer> => stored.get(url) as Buffer;
  return listTable(table, { called: 'shop.t', get });
}

function entryOf({ url, day, status = 1 }: Given) {
  return {
    status,
    snapshot_id: 1n,
    sequence_number: null,
    file_sequence_number: null,
    data_file: {
      content: 0,
      file_path: url,
      file_format: 'PARQUET',
      partition: { event_time_day: day },
      record_count: 1n,
      file_size_in_bytes: 10n,
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
  };
}

function listedManifest(url: string, { sequence, content }: { readonly sequence: bigint; readonly content: number }) {
  return {
    manifest_path: url,
    manifest_length: 1n,
    partition_spec_id: 0,
    content,
    sequence_number: sequence,
    min_sequence_number: sequence,
    added_snapshot_id: 1n,
    added_files_count: 1,
    existing_files_count: 0,
    deleted_files_count: 0,
    added_rows_count: 1n,
    existing_rows_count: 0n,
    deleted_rows_count: 0n,
    partitions: [],
    key_metadata: null,
  };
}

test('the files of a later commit come later, and those of one commit in another partition at the same time', async () => {
  const [first, second, third] = await tableWith([
    { sequence: 9n, files: [{ url: OWN[0]!, day: 1 }] },
    {
      sequence: 10n,
      files: [
        { url: OWN[1]!, day: 1 },
        { url: OWN[2]!, day: 2 },
      ],
    },
  ]);
  expect(second!.order.from >= first!.order.to).toBe(true);
  expect(third!.order).toMatchObject({ from: second!.order.from, to: second!.order.to });
  expect(third!.order.group).not.toBe(second!.order.group);
});

test('nobody knows the order of a file that a compactor has written', async () => {
  const [own, other] = await tableWith([
    { sequence: 1n, files: [{ url: OWN[0]!, day: 1 }] },
    { sequence: 2n, files: [{ url: COMPACTED, day: 1 }] },
  ]);
  expect(other!.order).toEqual({ group: COMPACTED, from: '', to: '~' });
  expect(other!.order.to > own!.order.from).toBe(true);
});

test('a file that a snapshot has taken away is not read', async () => {
  const files = await tableWith([
    {
      sequence: 1n,
      files: [
        { url: OWN[0]!, day: 1, status: 2 },
        { url: OWN[1]!, day: 1, status: 0 },
      ],
    },
  ]);
  expect(files.map(({ key }) => key)).toEqual([OWN[1]]);
});

test('a table with files of deleted rows is refused', async () => {
  await expect(tableWith([{ sequence: 1n, files: [] }], 1)).rejects.toThrow(
    'the table shop.t has files of deleted rows, which compare does not apply: rewrite its data files first',
  );
});
