import pg from 'pg';
import { KNOWN_FORMS, type KnownForm } from '../../clients/postgres-types.ts';
import { UserMistake } from '../../runtime/errors.ts';
import { declaredFields } from '../../runtime/json/declared-fields.ts';
import type { WireSchema } from '../../runtime/json/wire-schema.ts';

/** A column of a table or of a query's result. */
export interface SourceColumn {
  readonly name: string;
  /** The type as people write it; of a domain, the type that it is made of. */
  readonly type: string;
  readonly form: Form;
}

/** How values of a type are written in JSON. `other`: a list or an object, as Postgres makes them. */
type Form = KnownForm | 'text' | 'other';

/** Describes the columns of what stands behind FROM. */
export async function columnsOf(client: pg.ClientBase, from: string): Promise<readonly SourceColumn[]> {
  const { fields } = await client.query(`SELECT * FROM ${from} LIMIT 0`);
  const oids = [...new Set(fields.map(({ dataTypeID }) => dataTypeID))];
  const { rows } = await client.query<{ oid: number; name: string; category: string }>(
    `SELECT oid::int8::float8 AS oid, format_type(oid, NULL) AS name, typcategory AS category
       FROM pg_catalog.pg_type WHERE oid = ANY ($1::oid[])`,
    [oids],
  );
  const types = new Map(rows.map((row) => [row.oid, row]));
  return fields.map(({ name, dataTypeID }) => {
    const { name: type = 'unknown', category = 'U' } = types.get(dataTypeID) ?? {};
    const isNested = category === 'A' || category === 'C';
    return { name, type, form: KNOWN_FORMS.get(dataTypeID) ?? (isNested ? 'other' : 'text') };
  });
}

/**
 * Returns the expression of a row's data: the columns that the schema declares, as JSON. Throws a `UserMistake` when a
 * column is missing, or when the schema never accepts its values.
 */
export function dataExpression(
  columns: readonly SourceColumn[],
  { schema, what, alias }: { readonly schema: WireSchema; readonly what: string; readonly alias: string },
): string {
  const declared = declaredFields(schema) ?? new Set(columns.map(({ name }) => name));
  const required = new Set(schema.required ?? []);
  const parts = [...declared].flatMap((field) => {
    const column = columns.find(({ name }) => name === field);
    if (column !== undefined)
      return [`${expressionOf(column, { schema, what, alias })} AS ${pg.escapeIdentifier(field)}`];
    if (!required.has(field)) return [];
    throw new UserMistake(
      `${what} has no column '${field}', which the schema declares: remove the field, make it optional, or use one of ${columns.map(({ name }) => `'${name}'`).join(', ')}`,
    );
  });
  return `(SELECT row_to_json(millrace_row)::text FROM (SELECT ${parts.join(', ')}) millrace_row)`;
}

function expressionOf(
  { name, type, form }: SourceColumn,
  { schema, what, alias }: { readonly schema: WireSchema; readonly what: string; readonly alias: string },
): string {
  const value = `${alias}.${pg.escapeIdentifier(name)}`;
  const accepted = acceptedBy(schema, name);
  const wants = (...wanted: readonly string[]) => accepted.length === 0 || accepted.some((one) => wanted.includes(one));
  const onlyTexts = accepted.length > 0 && accepted.every((one) => one === 'string' || one === 'null');
  const refuse = (): never => {
    throw new UserMistake(
      `${what}: the column '${name}' is ${type}, and the schema takes ${accepted.join(' or ')} there: change the field, or read a query that casts the column`,
    );
  };
  switch (form) {
    case 'number':
      if (wants('number', 'integer')) return value;
      return onlyTexts ? `${value}::text` : refuse();
    case 'boolean':
      return wants('boolean') ? value : refuse();
    case 'timestamp':
      return wants('string') ? timestamp(value, '') : refuse();
    case 'timestamptz':
      return wants('string') ? timestamp(value, 'Z') : refuse();
    case 'text':
      // In JSON as its text: also a type that Postgres would write in another way.
      return wants('string') ? `${value}::text` : refuse();
    default:
      return onlyTexts ? `${value}::text` : value;
  }
}

/** As RFC 3339 has it. What it has no way to say, such as `infinity`, stays as Postgres writes it. */
function timestamp(value: string, zone: 'Z' | ''): string {
  const written = zone === 'Z' ? '\\+00' : '';
  return `regexp_replace(${value}::text, '^(\\d{4}-\\d\\d-\\d\\d) ([0-9:.]+)${written}$', '\\1T\\2${zone}')`;
}

/** Lists the types of JSON that a field of a schema accepts. None: anything, or nobody knows. */
function acceptedBy(schema: WireSchema, field: string): readonly string[] {
  const property = schema.properties?.[field];
  const alternatives = typeof property === 'object' ? (property.anyOf ?? property.oneOf ?? [property]) : [];
  const types = alternatives.flatMap((one) => (typeof one === 'object' ? (one.type ?? [undefined]) : [undefined]));
  return types.every((type) => typeof type === 'string') ? types : [];
}
