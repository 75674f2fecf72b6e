import type { PartitionField } from '../catalog/table-metadata.ts';
import type { AvroSchema } from './container.ts';

/*
 * The schemas of manifest lists and manifests (Apache Iceberg, "Table Spec", version 2). Readers know a field by its
 * number, not by its name.
 */

type Type = string | readonly unknown[] | Readonly<Record<string, unknown>>;

const required = (id: number, name: string, type: Type): AvroSchema => ({ name, type, 'field-id': id });
const optional = (id: number, name: string, type: Type): AvroSchema => ({
  name,
  type: ['null', type],
  default: null,
  'field-id': id,
});

const PARTITION_SUMMARY = {
  type: 'record',
  name: 'r508',
  fields: [
    required(509, 'contains_null', 'boolean'),
    optional(518, 'contains_nan', 'boolean'),
    optional(510, 'lower_bound', 'bytes'),
    optional(511, 'upper_bound', 'bytes'),
  ],
};

export const MANIFEST_LIST: AvroSchema = {
  type: 'record',
  name: 'manifest_file',
  fields: [
    required(500, 'manifest_path', 'string'),
    required(501, 'manifest_length', 'long'),
    required(502, 'partition_spec_id', 'int'),
    required(517, 'content', 'int'),
    required(515, 'sequence_number', 'long'),
    required(516, 'min_sequence_number', 'long'),
    required(503, 'added_snapshot_id', 'long'),
    required(504, 'added_files_count', 'int'),
    required(505, 'existing_files_count', 'int'),
    required(506, 'deleted_files_count', 'int'),
    required(512, 'added_rows_count', 'long'),
    required(513, 'existing_rows_count', 'long'),
    required(514, 'deleted_rows_count', 'long'),
    optional(507, 'partitions', { type: 'array', items: PARTITION_SUMMARY, 'element-id': 508 }),
    optional(519, 'key_metadata', 'bytes'),
  ],
};

/** A map whose keys are numbers: Avro's own have texts. */
function mapOf(keyId: number, valueId: number, value: Type): Type {
  return {
    type: 'array',
    logicalType: 'map',
    items: {
      type: 'record',
      name: `k${keyId}_v${valueId}`,
      fields: [required(keyId, 'key', 'int'), required(valueId, 'value', value)],
    },
  };
}

/** Returns the schema of a manifest whose files have these partition fields. */
export function manifestSchema(partition: readonly PartitionField[]): AvroSchema {
  return {
    type: 'record',
    name: 'manifest_entry',
    fields: [
      required(0, 'status', 'int'),
      optional(1, 'snapshot_id', 'long'),
      optional(3, 'sequence_number', 'long'),
      optional(4, 'file_sequence_number', 'long'),
      required(2, 'data_file', {
        type: 'record',
        name: 'r2',
        fields: [
          required(134, 'content', 'int'),
          required(100, 'file_path', 'string'),
          required(101, 'file_format', 'string'),
          required(102, 'partition', {
            type: 'record',
            name: 'r102',
            fields: partition.map((field) => optional(field['field-id'], field.name, partitionType(field))),
          }),
          required(103, 'record_count', 'long'),
          required(104, 'file_size_in_bytes', 'long'),
          optional(108, 'column_sizes', mapOf(117, 118, 'long')),
          optional(109, 'value_counts', mapOf(119, 120, 'long')),
          optional(110, 'null_value_counts', mapOf(121, 122, 'long')),
          optional(137, 'nan_value_counts', mapOf(138, 139, 'long')),
          optional(125, 'lower_bounds', mapOf(126, 127, 'bytes')),
          optional(128, 'upper_bounds', mapOf(129, 130, 'bytes')),
          optional(131, 'key_metadata', 'bytes'),
          optional(132, 'split_offsets', { type: 'array', items: 'long', 'element-id': 133 }),
          optional(135, 'equality_ids', { type: 'array', items: 'int', 'element-id': 136 }),
          optional(140, 'sort_order_id', 'int'),
        ],
      }),
    ],
  };
}

/** Days are written as dates, which changes nothing in the file. */
function partitionType({ transform }: PartitionField): Type {
  return transform === 'day' ? { type: 'int', logicalType: 'date' } : 'int';
}

/** Gives records that were written with other names the names of a schema, by the numbers of the fields. */
export function renamed(records: readonly unknown[], from: AvroSchema, to: AvroSchema): readonly unknown[] {
  const names = new Map(fieldsOf(from).map(({ 'field-id': id, name }) => [id, name]));
  return records.map((record) =>
    Object.fromEntries(
      fieldsOf(to).map(({ 'field-id': id, name }) => {
        const known = names.get(id);
        return [name, known === undefined ? null : (record as Record<string, unknown>)[known]];
      }),
    ),
  );
}

/** Returns the entries of a manifest with our names, whatever names they were written with. */
export function manifestEntries(
  records: readonly unknown[],
  from: AvroSchema,
  partition: readonly PartitionField[],
): readonly unknown[] {
  const to = manifestSchema(partition);
  const [fromFile, toFile] = [recordIn(from, DATA_FILE), recordIn(to, DATA_FILE)];
  const [fromPartition, toPartition] = [recordIn(fromFile, PARTITION), recordIn(toFile, PARTITION)];
  const entries = renamed(records, from, to) as readonly { readonly data_file: unknown }[];
  const files = renamed(
    entries.map(({ data_file }) => data_file),
    fromFile,
    toFile,
  ) as readonly { readonly partition: unknown }[];
  const partitions = renamed(
    files.map((file) => file.partition),
    fromPartition,
    toPartition,
  );
  return entries.map((entry, index) => ({
    ...entry,
    data_file: { ...files[index], partition: partitions[index] },
  }));
}

const DATA_FILE = 2;
const PARTITION = 102;

function recordIn(schema: AvroSchema, id: number): AvroSchema {
  const field = fieldsOf(schema).find((one) => one['field-id'] === id);
  if (field === undefined) throw new Error(`the file of Avro has no field ${id}`);
  return (field as unknown as { readonly type: AvroSchema }).type;
}

function fieldsOf({ fields }: AvroSchema): readonly { readonly name: string; readonly 'field-id': number }[] {
  return fields as readonly { readonly name: string; readonly 'field-id': number }[];
}
