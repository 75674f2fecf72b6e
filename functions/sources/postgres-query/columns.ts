import pg from 'pg';
import { type CatalogueType, type Form, ownForm, TYPES, type Types } from '../../clients/postgres-types.ts';
import { UserMistake } from '../../runtime/errors.ts';
import { declaredFields } from '../../runtime/json/declared-fields.ts';
import type { WireSchema } from '../../runtime/json/wire-schema.ts';

/** A column of a table or of a query's result. */
export interface SourceColumn {
  readonly name: string;
  /** The type as people write it; of a domain, the type that it is made of. */
  readonly type: string;
  readonly form: Form;
  /** The oid of the type; of a list, of its values. */
  readonly oid: number;
  /** True when the values, or a list's values, are of a composite type. */
  readonly isComposite: boolean;
}

/** Describes the columns of what stands behind FROM. */
export async function columnsOf(client: pg.ClientBase, from: string): Promise<readonly SourceColumn[]> {
  const { fields } = await client.query(`SELECT * FROM ${from} LIMIT 0`);
  const oids = [...new Set(fields.map(({ dataTypeID }) => dataTypeID))];
  const catalogue = await client.query<CatalogueType & { oid: number }>(TYPES);
  const types: Types = new Map(catalogue.rows.map((row) => [row.oid, row]));
  const values = new Map(oids.map((oid) => [oid, valueType(oid, types)]));
  const { rows } = await client.query<{ oid: number; name: string; isComposite: boolean }>(
    `SELECT oid::int8::float8 AS oid, format_type(oid, NULL) AS name, typtype = 'c' AS "isComposite"
       FROM pg_catalog.pg_type WHERE oid = ANY ($1::oid[])`,
    [[...oids, ...values.values()]],
  );
  const found = new Map(rows.map((row) => [row.oid, row]));
  return fields.map(({ name, dataTypeID }) => {
    const oid = values.get(dataTypeID) ?? dataTypeID;
    return {
      name,
      type: found.get(dataTypeID)?.name ?? 'unknown',
      form: ownForm(dataTypeID, types),
      oid,
      isComposite: found.get(oid)?.isComposite ?? false,
    };
  });
}

/** Returns the type that a domain is made of, or that the values of a list have. */
function valueType(oid: number, types: Types): number {
  const type = types.get(oid);
  const inner = type?.base ?? type?.element;
  return inner == null ? oid : valueType(inner, types);
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
  column: SourceColumn,
  { schema, what, alias }: { readonly schema: WireSchema; readonly what: string; readonly alias: string },
): string {
  const property = schema.properties?.[column.name];
  const accepted = acceptedBy(property);
  const value = `${alias}.${pg.escapeIdentifier(column.name)}`;
  const expression = expressionFor(column, { value, property, accepted });
  if (expression !== undefined) return expression;
  throw new UserMistake(
    `${what}: the column '${column.name}' is ${column.type}, and the schema takes ${accepted.join(' or ')} there: change the field, or read a query that casts the column`,
  );
}

/** A column's value in SQL, and the field of the schema that takes it. */
interface Wanted {
  readonly value: string;
  readonly property: Property;
  readonly accepted: readonly string[];
}

/** Undefined: the field never accepts the column's values. */
function expressionFor(column: SourceColumn, wanted: Wanted): string | undefined {
  const { value, accepted } = wanted;
  const takesTexts = takes(accepted, 'string');
  if (typeof column.form === 'object') {
    if (takes(accepted, 'array')) return listOf(column, wanted);
    return takesTexts ? `${value}::text` : undefined;
  }
  switch (column.form) {
    case 'number':
      return numberFor(column, wanted);
    case 'boolean':
      return takes(accepted, 'boolean') ? value : undefined;
    case 'timestamp':
      return takesTexts ? timestamp(value, '') : undefined;
    case 'timestamptz':
      return takesTexts ? timestamp(value, 'Z') : undefined;
    case 'text':
      if (column.isComposite && wantsObjects(wanted.property)) return value;
      return takesTexts ? textOf(value, column.oid) : undefined;
    default:
      return takesOnlyTexts(accepted) ? `${value}::text` : value;
  }
}

function numberFor({ oid }: SourceColumn, { value, accepted }: Wanted): string | undefined {
  // Postgres writes an oid as a text into JSON.
  if (takes(accepted, 'number', 'integer')) return oid === OID ? `${value}::int8` : value;
  return takesOnlyTexts(accepted) ? `${value}::text` : undefined;
}

function takes(accepted: readonly string[], ...wanted: readonly string[]): boolean {
  return accepted.length === 0 || accepted.some((one) => wanted.includes(one));
}

function takesOnlyTexts(accepted: readonly string[]): boolean {
  return accepted.length > 0 && accepted.every((one) => one === 'string' || one === 'null');
}

const OID = 26;
/** `inet` and `char(n)`: a cast to text is not what Postgres writes, and its JSON is. */
const CAST_CHANGES: ReadonlySet<number> = new Set([869, 1042]);

/** In JSON as its text: also a type that Postgres would write in another way. */
function textOf(value: string, oid: number): string {
  return CAST_CHANGES.has(oid) ? value : `${value}::text`;
}

/** Writes the values of a list as the same values outside of a list are written. */
function listOf({ form, oid, isComposite }: SourceColumn, { value, property }: Wanted): string {
  const inner = innermost(form);
  if (inner === 'number') return oid === OID ? `${value}::int8[]` : value;
  if (inner === 'boolean' || inner === 'json' || CAST_CHANGES.has(oid)) return value;
  if (isComposite && wantsObjects(itemsOf(property))) return value;
  if (inner === 'text') return `${value}::text[]`;
  const zone = inner === 'timestamptz' ? ['\\+00', 'Z'] : ['', ''];
  return `regexp_replace(to_json(${value}::text[])::text, '"(\\d{4}-\\d\\d-\\d\\d) ([0-9:.]+)${zone[0]}"', '"\\1T\\2${zone[1]}"', 'g')::json`;
}

function innermost(form: Form): Exclude<Form, object> {
  return typeof form === 'object' ? innermost(form.listOf) : form;
}

/** As RFC 3339 has it. What it has no way to say, such as `infinity`, stays as Postgres writes it. */
function timestamp(value: string, zone: 'Z' | ''): string {
  const written = zone === 'Z' ? '\\+00' : '';
  return `regexp_replace(${value}::text, '^(\\d{4}-\\d\\d-\\d\\d) ([0-9:.]+)${written}$', '\\1T\\2${zone}')`;
}

type Property = NonNullable<WireSchema['properties']>[string] | undefined;

/** Lists the types of JSON that a field of a schema accepts. None: anything, or nobody knows. */
function acceptedBy(property: Property): readonly string[] {
  const types = alternativesOf(property).flatMap((one) =>
    typeof one === 'object' ? (one.type ?? [undefined]) : [undefined],
  );
  return types.every((type) => typeof type === 'string') ? types : [];
}

function alternativesOf(property: Property): readonly Property[] {
  return typeof property === 'object' ? (property.anyOf ?? property.oneOf ?? [property]) : [];
}

/** Says whether a field takes objects and no texts. A composite value is an object only there. */
function wantsObjects(property: Property): boolean {
  const accepted = acceptedBy(property);
  return accepted.includes('object') && !accepted.includes('string');
}

/** The schema of the values of a list, however deep. */
function itemsOf(property: Property): Property {
  for (const one of alternativesOf(property)) {
    const items = typeof one === 'object' ? one.items : undefined;
    if (typeof items === 'object' && !Array.isArray(items))
      return acceptedBy(items as Property).includes('array') ? itemsOf(items as Property) : (items as Property);
  }
  return undefined;
}
