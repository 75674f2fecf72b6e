import { EventRejected, UserMistake } from '../../../runtime/errors.ts';
import type { ReceivedEvent } from '../../../runtime/event.ts';
import { isTimestamp } from '../../../runtime/json/timestamp.ts';
import type { IcebergField, PartitionField, PartitionSpec, Table } from '../catalog/table-metadata.ts';

export type By = 'month' | 'day' | 'hour';

/** How a table divides its rows. */
export interface Partitioning {
  readonly spec: PartitionSpec;
  /** Returns an event's partition. Undefined: the table has none. Throws `EventRejected` when its time is no time. */
  partitionOf(event: Pick<ReceivedEvent, 'time'>): number | undefined;
}

/** The column that tables are divided by. */
const TIME = 'event_time';

/** Reads how a table divides its rows. Throws a `UserMistake` for a way that the sink does not know. */
export function partitioningOf({ spec, schema }: Pick<Table, 'spec' | 'schema'>): Partitioning {
  const fields = spec.fields.filter(({ transform }) => transform !== 'void');
  const [field] = fields;
  if (field === undefined) return { spec, partitionOf: () => undefined };
  const source = schema.fields.find(({ id }) => id === field['source-id'])?.name;
  if (spec.fields.length > 1 || source !== TIME || !isBy(field.transform))
    throw new UserMistake(
      `the table is divided by ${described(spec.fields, source)}: the sink writes to tables that are not divided, or by month(${TIME}), day(${TIME}) or hour(${TIME}) alone`,
    );
  const { transform } = field;
  return { spec, partitionOf: ({ time }) => partitionIn(time, transform) };
}

function described(fields: readonly PartitionField[], source: string | undefined): string {
  return fields.map(({ name, transform }) => `${name} (${transform})`).join(', ') || String(source);
}

function isBy(transform: string): transform is By {
  return transform === 'month' || transform === 'day' || transform === 'hour';
}

/** Returns the specification of a new table. Undefined: it is not divided. */
export function newSpec(by: By | undefined, schema: { readonly fields: readonly IcebergField[] }): object | undefined {
  const time = schema.fields.find(({ name }) => name === TIME);
  if (by === undefined || time === undefined) return undefined;
  return {
    'spec-id': 0,
    fields: [{ name: `${TIME}_${by}`, transform: by, 'source-id': time.id, 'field-id': FIRST_PARTITION_ID }],
  };
}

/** Partition fields are numbered from here on (Apache Iceberg, "Table Spec"). */
const FIRST_PARTITION_ID = 1000;

const HOUR_MILLIS = 3_600_000;

function partitionIn(time: string, by: By): number {
  if (!isTimestamp(time))
    throw new EventRejected('refused', `time: ${JSON.stringify(time.slice(0, 64))} is not an RFC 3339 time`);
  const at = new Date(time);
  switch (by) {
    case 'month':
      return (at.getUTCFullYear() - 1970) * 12 + at.getUTCMonth();
    case 'day':
      return Math.floor(at.getTime() / (24 * HOUR_MILLIS));
    case 'hour':
      return Math.floor(at.getTime() / HOUR_MILLIS);
  }
}
