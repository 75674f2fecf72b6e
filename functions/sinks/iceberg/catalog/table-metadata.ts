import { z } from 'zod';

/** A whole number of 64 bits. */
const Long = z.union([z.bigint(), z.int()]).transform(BigInt);

export type IcebergType = string | StructType | ListType | OtherType;

export interface StructType {
  readonly type: 'struct';
  readonly fields: readonly IcebergField[];
}

export interface ListType {
  readonly type: 'list';
  readonly 'element-id': number;
  readonly element: IcebergType;
  readonly 'element-required': boolean;
}

/** A type that no column of ours has, such as a map. */
interface OtherType {
  readonly type: 'map';
}

export interface IcebergField {
  readonly id: number;
  readonly name: string;
  readonly required: boolean;
  readonly type: IcebergType;
}

const Type: z.ZodType<IcebergType> = z.lazy(() =>
  z.union([
    z.string(),
    z.looseObject({ type: z.literal('struct'), fields: z.array(Field) }),
    z.looseObject({
      type: z.literal('list'),
      'element-id': z.int(),
      element: Type,
      'element-required': z.boolean(),
    }),
    z.looseObject({ type: z.literal('map') }),
  ]),
) as z.ZodType<IcebergType>;

const Field: z.ZodType<IcebergField> = z.lazy(() =>
  z.looseObject({ id: z.int(), name: z.string(), required: z.boolean(), type: Type }),
);

const Schema = z.looseObject({ 'schema-id': z.int().default(0), fields: z.array(Field) });
export type IcebergSchema = z.output<typeof Schema>;

const PartitionField = z.looseObject({
  name: z.string(),
  transform: z.string(),
  'source-id': z.int(),
  'field-id': z.int(),
});
export type PartitionField = z.output<typeof PartitionField>;

const PartitionSpec = z.looseObject({ 'spec-id': z.int(), fields: z.array(PartitionField) });
export type PartitionSpec = z.output<typeof PartitionSpec>;

const Snapshot = z.looseObject({
  'snapshot-id': Long,
  'parent-snapshot-id': Long.nullish(),
  'sequence-number': Long.default(0n),
  'timestamp-ms': z.int(),
  'manifest-list': z.string().optional(),
  summary: z.record(z.string(), z.string()).default({}),
});
export type Snapshot = z.output<typeof Snapshot>;

/** What the sink reads of a table's metadata (Apache Iceberg, "Table Spec"). The rest stays with the catalogue. */
export const TableMetadata = z.looseObject({
  'format-version': z.int(),
  'table-uuid': z.string(),
  location: z.string(),
  'last-sequence-number': Long.default(0n),
  'last-updated-ms': z.int().default(0),
  'last-column-id': z.int(),
  schemas: z.array(Schema),
  'current-schema-id': z.int(),
  'partition-specs': z.array(PartitionSpec),
  'default-spec-id': z.int(),
  properties: z.record(z.string(), z.string()).default({}),
  /** −1 where there is none. */
  'current-snapshot-id': Long.nullish(),
  snapshots: z.array(Snapshot).default([]),
});

/** A table as the catalogue shows it. */
export interface Table {
  readonly uuid: string;
  readonly formatVersion: number;
  readonly location: string;
  readonly lastSequence: bigint;
  readonly lastUpdatedMillis: number;
  readonly lastColumnId: number;
  readonly schema: IcebergSchema;
  readonly spec: PartitionSpec;
  readonly properties: Readonly<Record<string, string>>;
  /** The snapshot that `main` is at. Undefined: the table has never had a row. */
  readonly current: Snapshot | undefined;
  readonly snapshots: ReadonlyMap<bigint, Snapshot>;
}

export function tableOf(metadata: unknown): Table {
  const parsed = TableMetadata.parse(metadata);
  const snapshots = new Map(parsed.snapshots.map((snapshot) => [snapshot['snapshot-id'], snapshot]));
  const currentId = parsed['current-snapshot-id'] ?? -1n;
  const current = snapshots.get(currentId);
  if (currentId >= 0n && current === undefined)
    throw new Error(
      `the metadata of table ${parsed['table-uuid']} has no snapshot ${currentId}, which is its current one`,
    );
  return {
    uuid: parsed['table-uuid'],
    formatVersion: parsed['format-version'],
    location: parsed.location.replace(/\/$/, ''),
    lastSequence: parsed['last-sequence-number'],
    lastUpdatedMillis: parsed['last-updated-ms'],
    lastColumnId: parsed['last-column-id'],
    schema: named(parsed.schemas, 'schema-id', parsed['current-schema-id']),
    spec: named(parsed['partition-specs'], 'spec-id', parsed['default-spec-id']),
    properties: parsed.properties,
    current,
    snapshots,
  };
}

function named<K extends string, T extends Readonly<Record<K, number>>>(all: readonly T[], key: K, id: number): T {
  const found = all.find((one) => one[key] === id);
  if (found === undefined) throw new Error(`the metadata of the table has no ${key} ${id}`);
  return found;
}
