import type { Event } from '../../../runtime/event.ts';
import type { ParquetColumn, ScalarType } from './column-types.ts';

/** A column that holds an attribute of the events. */
export interface AttributeColumn extends ParquetColumn {
  readonly type: ScalarType;
  /** The attribute's name in a CloudEvent. */
  readonly attribute: string;
  readonly property: Exclude<keyof Event, 'data'>;
  /** True for an attribute that every event is read with, though its JSON may not have it. */
  readonly isRequired: boolean;
}

export const ATTRIBUTES: readonly AttributeColumn[] = [
  attribute('event_id', 'id', 'id'),
  attribute('event_source', 'source', 'source'),
  attribute('event_type', 'type', 'type'),
  { ...attribute('event_time', 'time', 'time'), type: { kind: 'timestamptz' } },
  attribute('event_key', 'partitionkey', 'key'),
  { ...attribute('event_sequence', 'sequence', 'sequence'), isRequired: false },
];

function attribute(name: string, of: string, property: AttributeColumn['property']): AttributeColumn {
  return { name, type: { kind: 'text' }, attribute: of, property, isRequired: true };
}
