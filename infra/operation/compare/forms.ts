import type { z } from 'zod';
import {
  decimalOf,
  type JsonSchema,
  readSchema,
  type SchemaField,
  type SchemaReader,
} from '../../../functions/runtime/json/schema-fields.ts';

/** How the values of a field are compared, in whichever way a sink writes them. */
export type Form =
  | { readonly kind: SimpleForm }
  | { readonly kind: 'decimal'; readonly precision: number; readonly scale: number }
  | { readonly kind: 'list'; readonly element: Form }
  | { readonly kind: 'struct'; readonly fields: ReadonlyMap<string, Form> };

/** `padded`: a text to which a column of fixed width adds blanks. `json`: a value of any type. */
export type SimpleForm =
  | 'text'
  | 'padded'
  | 'uuid'
  | 'whole'
  | 'number'
  | 'double'
  | 'boolean'
  | 'date'
  | 'moment'
  | 'json';

/** Reads from a stream's schema how the fields of its data are compared. No fields: the data is one value. */
export function formsOf(schema: z.ZodType): ReadonlyMap<string, Form> {
  const reader = readSchema(schema);
  const forms = (part: JsonSchema, above: readonly JsonSchema[]): ReadonlyMap<string, Form> =>
    new Map([...reader.fieldsOf(part)].map(([name, field]) => [name, formOf(field, { reader, above, forms })]));
  return forms(reader.root, []);
}

interface At {
  readonly reader: SchemaReader;
  /** The schemas around it: one that contains itself ends as JSON. */
  readonly above: readonly JsonSchema[];
  readonly forms: (part: JsonSchema, above: readonly JsonSchema[]) => ReadonlyMap<string, Form>;
}

function formOf({ alternatives, sql }: Omit<SchemaField, 'optional' | 'nullable'>, at: At): Form {
  const forms = alternatives.map((each) => formOfOne(sql === undefined ? each : { ...each, sql }, at));
  const [first = JSON_FORM] = forms;
  return forms.every(({ kind }) => kind === first.kind) ? first : JSON_FORM;
}

const JSON_FORM: Form = { kind: 'json' };

function formOfOne(schema: JsonSchema, at: At): Form {
  const decimal = decimalOf(schema.sql);
  if (decimal !== undefined) return { kind: 'decimal', ...decimal };
  const declared = SQL_FORMS[String(schema.sql).replace(/ not null$/i, '')];
  if (declared !== undefined) return { kind: declared };
  switch (schema.type) {
    case 'string':
      return { kind: TEXT_FORMS[schema.format ?? ''] ?? 'text' };
    case 'integer':
      return { kind: 'whole' };
    case 'number':
      return { kind: 'number' };
    case 'boolean':
      return { kind: 'boolean' };
    case 'array':
      return listOf(schema, at);
    case 'object': {
      const fields = at.above.includes(schema) ? new Map() : at.forms(schema, [...at.above, schema]);
      return fields.size === 0 ? JSON_FORM : { kind: 'struct', fields };
    }
    default:
      return typeof schema.const === 'string' ? { kind: 'text' } : JSON_FORM;
  }
}

function listOf(schema: JsonSchema, at: At): Form {
  const { items } = schema;
  if (items === undefined || typeof items === 'boolean' || Array.isArray(items) || at.above.includes(schema))
    return JSON_FORM;
  return {
    kind: 'list',
    element: formOf(at.reader.valuesOf(items as JsonSchema), { ...at, above: [...at.above, schema] }),
  };
}

/** Returns the forms of fields that Parquet keeps as less than the schema says: a number as a double. */
export function numbersAsDoubles(forms: ReadonlyMap<string, Form>): ReadonlyMap<string, Form> {
  return new Map([...forms].flatMap(([name, { kind }]) => (kind === 'number' ? [[name, { kind: 'double' }]] : [])));
}

const SQL_FORMS: Readonly<Record<string, SimpleForm>> = {
  date: 'date',
  timestamp: 'moment',
  timestamptz: 'moment',
  bigint: 'whole',
  numeric: 'number',
  uuid: 'uuid',
};

const TEXT_FORMS: Readonly<Record<string, SimpleForm>> = { 'date-time': 'moment', date: 'date', uuid: 'uuid' };

/** The form that wins where the schema and the columns of the sinks say different ones, the first one first. */
const STRONGEST: readonly Form['kind'][] = [
  ...(['moment', 'date', 'uuid', 'boolean', 'double', 'decimal', 'number', 'whole'] as const),
  ...(['padded', 'text'] as const),
];

/** Chooses how a field is compared: a column may keep less than the schema says, such as a number that is a double. */
export function strongestForm(declared: Form, ofColumns: readonly (Form | undefined)[]): Form {
  if (['list', 'struct', 'json'].includes(declared.kind)) return declared;
  const all = [declared, ...ofColumns.filter((form) => form !== undefined)];
  const ranked = STRONGEST.map((kind) => all.find((form) => form.kind === kind)).filter((form) => form !== undefined);
  return ranked[0] ?? declared;
}
