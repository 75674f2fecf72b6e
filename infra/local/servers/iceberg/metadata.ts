import { randomUUID } from 'node:crypto';
import { z } from 'zod';

const Long = z.union([z.bigint(), z.int()]).transform(BigInt);
const Schema = z.looseObject({ 'schema-id': z.int().default(0), fields: z.array(z.unknown()) });
const Spec = z.looseObject({ 'spec-id': z.int().default(0), fields: z.array(z.looseObject({ 'field-id': z.int() })) });

export const NewTable = z.object({
  name: z.string(),
  location: z.string().optional(),
  schema: Schema,
  'partition-spec': Spec.nullish(),
  properties: z.record(z.string(), z.string()).default({}),
});

const SnapshotLogEntry = z.object({ 'snapshot-id': Long, 'timestamp-ms': z.int() });

const Snapshot = z.looseObject({
  'snapshot-id': Long,
  'sequence-number': Long,
  'timestamp-ms': z.int(),
  'manifest-list': z.string(),
});

/** The metadata of a table, as the specification of Iceberg has them (version 2). */
export interface Metadata {
  'format-version': number;
  readonly 'table-uuid': string;
  location: string;
  'last-sequence-number': bigint;
  'last-updated-ms': number;
  'last-column-id': number;
  schemas: z.output<typeof Schema>[];
  'current-schema-id': number;
  'partition-specs': z.output<typeof Spec>[];
  'default-spec-id': number;
  'last-partition-id': number;
  properties: Record<string, string>;
  'current-snapshot-id': bigint | -1;
  snapshots: z.output<typeof Snapshot>[];
  'snapshot-log': z.output<typeof SnapshotLogEntry>[];
  'metadata-log': readonly never[];
  'sort-orders': readonly object[];
  'default-sort-order-id': 0;
  refs: Record<string, { readonly 'snapshot-id': bigint; readonly type: string }>;
}

/** The highest number of a field in a schema, those in lists and structs too. */
function lastColumnId(value: unknown): number {
  if (value === null || typeof value !== 'object') return 0;
  const { id, 'element-id': elementId } = value as { readonly id?: unknown; readonly 'element-id'?: unknown };
  const own = [id, elementId].filter((one) => typeof one === 'number');
  return Math.max(0, ...own, ...Object.values(value).map(lastColumnId));
}

export function newMetadata(
  { location: given, schema, 'partition-spec': spec, properties }: z.output<typeof NewTable>,
  { location, nowMillis }: { readonly location: string; readonly nowMillis: number },
): Metadata {
  const { 'format-version': version = '2', ...others } = properties;
  return {
    'format-version': Number(version),
    'table-uuid': randomUUID(),
    location: given ?? location,
    'last-sequence-number': 0n,
    'last-updated-ms': nowMillis,
    'last-column-id': lastColumnId(schema.fields),
    schemas: [{ ...schema, 'schema-id': 0 }],
    'current-schema-id': 0,
    'partition-specs': [spec === undefined || spec === null ? { 'spec-id': 0, fields: [] } : { ...spec, 'spec-id': 0 }],
    'default-spec-id': 0,
    'last-partition-id': Math.max(999, ...(spec?.fields ?? []).map((field) => field['field-id'])),
    properties: others,
    'current-snapshot-id': -1,
    snapshots: [],
    'snapshot-log': [],
    'metadata-log': [],
    'sort-orders': [{ 'order-id': 0, fields: [] }],
    'default-sort-order-id': 0,
    refs: {},
  };
}

export const Requirement = z.discriminatedUnion('type', [
  z.object({ type: z.literal('assert-table-uuid'), uuid: z.string() }),
  z.object({ type: z.literal('assert-ref-snapshot-id'), ref: z.string(), 'snapshot-id': Long.nullable() }),
  z.object({ type: z.literal('assert-current-schema-id'), 'current-schema-id': z.int() }),
  z.object({ type: z.literal('assert-last-assigned-field-id'), 'last-assigned-field-id': z.int() }),
]);

/** Returns what does not hold. Undefined: the requirement holds. */
export function violation(metadata: Metadata, requirement: z.output<typeof Requirement>): string | undefined {
  switch (requirement.type) {
    case 'assert-table-uuid':
      return requirement.uuid === metadata['table-uuid'] ? undefined : `the table is ${metadata['table-uuid']}`;
    case 'assert-ref-snapshot-id': {
      const { ref } = requirement;
      const at = metadata.refs[ref]?.['snapshot-id'] ?? null;
      return at === requirement['snapshot-id'] ? undefined : `branch ${ref} is at ${at}`;
    }
    case 'assert-current-schema-id': {
      const at = metadata['current-schema-id'];
      return at === requirement['current-schema-id'] ? undefined : `the current schema is ${at}`;
    }
    case 'assert-last-assigned-field-id': {
      const at = metadata['last-column-id'];
      return at === requirement['last-assigned-field-id'] ? undefined : `the last field is ${at}`;
    }
  }
}

export const Update = z.discriminatedUnion('action', [
  z.object({ action: z.literal('add-schema'), schema: Schema }),
  z.object({ action: z.literal('set-current-schema'), 'schema-id': z.int() }),
  z.object({ action: z.literal('set-properties'), updates: z.record(z.string(), z.string()) }),
  z.object({ action: z.literal('remove-properties'), removals: z.array(z.string()) }),
  z.object({ action: z.literal('add-snapshot'), snapshot: Snapshot }),
  z.object({ action: z.literal('set-snapshot-ref'), 'ref-name': z.string(), type: z.string(), 'snapshot-id': Long }),
  z.object({ action: z.literal('remove-snapshots'), 'snapshot-ids': z.array(Long) }),
]);

/** Changes the metadata. Throws an error for what a catalogue refuses. */
export function update(metadata: Metadata, change: z.output<typeof Update>, nowMillis: number): void {
  switch (change.action) {
    case 'add-schema':
      metadata.schemas.push({ ...change.schema, 'schema-id': metadata.schemas.length });
      metadata['last-column-id'] = Math.max(metadata['last-column-id'], lastColumnId(change.schema.fields));
      return;
    case 'set-current-schema':
      metadata['current-schema-id'] = change['schema-id'] < 0 ? metadata.schemas.length - 1 : change['schema-id'];
      return;
    case 'set-properties':
      Object.assign(metadata.properties, change.updates);
      return;
    case 'remove-properties':
      for (const name of change.removals) delete metadata.properties[name];
      return;
    case 'add-snapshot': {
      const { snapshot } = change;
      if (snapshot['sequence-number'] <= metadata['last-sequence-number'])
        throw new Error(
          `snapshot ${snapshot['snapshot-id']} has the sequence number ${snapshot['sequence-number']}, and the last one is ${metadata['last-sequence-number']}`,
        );
      metadata.snapshots.push(snapshot);
      metadata['last-sequence-number'] = snapshot['sequence-number'];
      return;
    }
    case 'set-snapshot-ref': {
      const { 'ref-name': name, type, 'snapshot-id': id } = change;
      if (!metadata.snapshots.some((snapshot) => snapshot['snapshot-id'] === id))
        throw new Error(`there is no snapshot ${id}`);
      metadata.refs[name] = { 'snapshot-id': id, type };
      if (name !== 'main') return;
      metadata['current-snapshot-id'] = id;
      metadata['snapshot-log'].push({ 'snapshot-id': id, 'timestamp-ms': nowMillis });
      return;
    }
    case 'remove-snapshots': {
      const gone = new Set(change['snapshot-ids']);
      metadata.snapshots = metadata.snapshots.filter((snapshot) => !gone.has(snapshot['snapshot-id']));
      metadata['snapshot-log'] = metadata['snapshot-log'].filter((entry) => !gone.has(entry['snapshot-id']));
      return;
    }
  }
}
