import type { NumberKind } from './numbers.ts';

/** How a JSON value is written into a column, an element of a list, or a field of a composite type. */
export type ValueType = ScalarType | ListType | CompositeType;

/** `text`: through the type's own input, as `json_populate_record` does. */
interface ScalarType {
  readonly kind: NumberKind | 'json' | 'text';
}

/** An array of Postgres. */
export interface ListType {
  readonly kind: 'list';
  readonly element: ValueType;
  /** The character between elements: a comma, except for `box`. */
  readonly delimiter: string;
}

export interface CompositeType {
  readonly kind: 'composite';
  /** The type's attributes, in their order. */
  readonly fields: readonly { readonly name: string; readonly type: ValueType }[];
}

export function isNested(type: ValueType): type is ListType | CompositeType {
  return type.kind === 'list' || type.kind === 'composite';
}

/** One type as the catalogue describes it; other types are named by their oid. */
export interface CatalogueType {
  readonly name: string;
  /** The type that a domain is made of. */
  readonly base: string | null;
  /** Of an array. */
  readonly element: string | null;
  readonly delimiter: string;
  /** The attributes of a composite type. */
  readonly fields: readonly { readonly name: string; readonly type: string }[] | null;
}

/**
 * A common table expression that finds every type that the table's values can have: those of its columns, of elements,
 * of attributes, and those that domains are made of. `$1` is the table.
 */
export const USED_TYPES = `used (oid) AS (
    SELECT a.atttypid FROM pg_catalog.pg_attribute a
     WHERE a.attrelid = to_regclass($1) AND a.attnum > 0 AND NOT a.attisdropped
    UNION
    SELECT part.oid FROM used JOIN pg_catalog.pg_type t ON t.oid = used.oid CROSS JOIN LATERAL (
      SELECT t.typbasetype AS oid WHERE t.typtype = 'd'
      UNION ALL SELECT e.oid FROM pg_catalog.pg_type e WHERE e.oid = t.typelem AND e.typarray = t.oid
      UNION ALL SELECT a.atttypid FROM pg_catalog.pg_attribute a
       WHERE t.typtype = 'c' AND a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped) part)`;

/** A query for these types: a JSON object of `CatalogueType` by oid. */
export const TYPES_BY_OID = `SELECT json_object_agg(t.oid, json_build_object('name', t.typname, 'delimiter', t.typdelim,
      'base', CASE t.typtype WHEN 'd' THEN t.typbasetype::text END,
      'element', (SELECT e.oid::text FROM pg_catalog.pg_type e WHERE e.oid = t.typelem AND e.typarray = t.oid),
      'fields', CASE t.typtype WHEN 'c' THEN (
        SELECT coalesce(json_agg(json_build_object('name', a.attname, 'type', a.atttypid::text) ORDER BY a.attnum), '[]')
          FROM pg_catalog.pg_attribute a WHERE a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped) END))
    FROM used JOIN pg_catalog.pg_type t ON t.oid = used.oid`;

/** Returns how values of a type are written. A domain is written as the type that it is made of, at any depth. */
export function valueTypeOf(oid: string, types: Readonly<Record<string, CatalogueType>>): ValueType {
  const type = types[oid];
  if (type === undefined) throw new Error(`the catalogue has no type ${oid}`);
  const { name, base, element, delimiter, fields } = type;
  if (base !== null) return valueTypeOf(base, types);
  if (element !== null) return { kind: 'list', element: valueTypeOf(element, types), delimiter };
  if (fields === null) return { kind: KINDS[name] ?? 'text' };
  return {
    kind: 'composite',
    fields: fields.map((field) => ({ name: field.name, type: valueTypeOf(field.type, types) })),
  };
}

const KINDS: Readonly<Record<string, ScalarType['kind']>> = {
  int2: 'int2',
  int4: 'int4',
  int8: 'int8',
  float8: 'float8',
  json: 'json',
  jsonb: 'json',
};
