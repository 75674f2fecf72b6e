import type { z } from 'zod';
import {
  decimalOf,
  type JsonSchema,
  readSchema,
  type SchemaField,
  type SchemaReader,
} from '../../runtime/json/schema-fields.ts';
import type { SearchField, SearchType } from './search-field.ts';

/** Derives the fields of documents from the wire type of a stream's schema. Data that is no object has none. */
export function searchFieldsOf(schema: z.ZodType): readonly SearchField[] {
  const reader = readSchema(schema);
  return fieldsOf(reader.root, { reader, above: [] });
}

interface At {
  readonly reader: SchemaReader;
  /** The schemas around it: one that contains itself ends as JSON. */
  readonly above: readonly JsonSchema[];
}

const JSON_VALUE: SearchType = { kind: 'json' };

function fieldsOf(schema: JsonSchema, at: At): readonly SearchField[] {
  const fields = [...at.reader.fieldsOf(schema)];
  // A name with a point stands for a field in an object.
  return fields.flatMap(([name, field]) =>
    name === '' || name.includes('.') ? [] : [{ name, type: typeOf(field, { ...at, above: [...at.above, schema] }) }],
  );
}

/** Returns the type that all alternatives have in common. */
function typeOf({ alternatives, sql }: Pick<SchemaField, 'alternatives' | 'sql'>, at: At): SearchType {
  const types = alternatives.map((each) => typeOfOne(sql === undefined ? each : { ...each, sql }, at));
  const [first = JSON_VALUE, ...others] = types;
  if (others.every((other) => JSON.stringify(other) === JSON.stringify(first))) return first;
  return types.every(({ kind }) => kind === 'integer' || kind === 'number') ? { kind: 'number' } : JSON_VALUE;
}

function typeOfOne(schema: JsonSchema, at: At): SearchType {
  // Numbers that travel as texts, too: the index reads both.
  if (decimalOf(schema.sql) !== undefined || /^numeric\b/i.test(String(schema.sql ?? ''))) return { kind: 'number' };
  switch (schema.type) {
    case 'string':
      return { kind: ['date-time', 'date'].includes(schema.format ?? '') ? 'time' : 'text' };
    case 'integer':
      return { kind: 'integer' };
    case 'number':
      return { kind: 'number' };
    case 'boolean':
      return { kind: 'boolean' };
    case 'array':
      return elementOf(schema, at);
    case 'object': {
      const fields = at.above.includes(schema) ? [] : fieldsOf(schema, at);
      return fields.length === 0 ? JSON_VALUE : { kind: 'object', fields };
    }
    default:
      return typeof schema.const === 'string' ? { kind: 'text' } : JSON_VALUE;
  }
}

/** To OpenSearch, a list is a field with several values. */
function elementOf(schema: JsonSchema, { reader, above }: At): SearchType {
  const { items } = schema;
  if (items === undefined || typeof items === 'boolean' || Array.isArray(items) || above.includes(schema))
    return JSON_VALUE;
  return typeOf(reader.valuesOf(items as JsonSchema), { reader, above: [...above, schema] });
}
