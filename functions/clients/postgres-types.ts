/** How the values of some types of Postgres become JSON. Those of all other types are texts or lists. */
export type KnownForm = 'number' | 'boolean' | 'json' | 'timestamp' | 'timestamptz';

/** The forms by the oids of the types. Types of Postgres's own keep their oids for ever. */
export const KNOWN_FORMS: ReadonlyMap<number, KnownForm> = new Map<number, KnownForm>([
  [16, 'boolean'],
  [20, 'number'],
  [21, 'number'],
  [23, 'number'],
  [26, 'number'],
  [700, 'number'],
  [701, 'number'],
  [1700, 'number'],
  [114, 'json'],
  [3802, 'json'],
  [1114, 'timestamp'],
  [1184, 'timestamptz'],
]);

/** How a value that Postgres wrote as text becomes JSON. */
export type Form =
  | 'text'
  | KnownForm
  /** A list of values of a form. */
  | { readonly listOf: Form };

/** A type of Postgres: one that we know by its oid, a list of another, or any other. */
export interface CatalogueType {
  readonly name: string;
  /** The oid of the type that a domain is made of. */
  readonly base: number | null;
  /** The oid of a list's element. */
  readonly element: number | null;
}

/** The domains and lists of a database, by oid. */
export type Types = ReadonlyMap<number, CatalogueType>;

/** The query for `Types`. A list whose values are not divided by commas (of boxes) counts as a text. */
export const TYPES = `SELECT t.oid::int8::float8 AS oid, format_type(t.oid, NULL) AS name,
    CASE t.typtype WHEN 'd' THEN t.typbasetype::int8::float8 END AS base,
    CASE WHEN e.typarray = t.oid AND e.typdelim = ',' THEN e.oid::int8::float8 END AS element
  FROM pg_catalog.pg_type t LEFT JOIN pg_catalog.pg_type e ON e.oid = t.typelem
 WHERE t.oid >= 16384 OR e.typarray = t.oid`;

/** The form of a type's values where nothing else is asked for. */
export function ownForm(oid: number, types: Types): Form {
  const known = KNOWN_FORMS.get(oid);
  if (known !== undefined) return known;
  const type = types.get(oid);
  if (type?.base != null) return ownForm(type.base, types);
  if (type?.element != null) return { listOf: ownForm(type.element, types) };
  return 'text';
}

/** What a connection says before it reads values as texts, so that the server's own settings change none of them. */
export const TEXT_SETTINGS = `SET IntervalStyle = 'iso_8601'; SET extra_float_digits = 3; SET bytea_output = 'hex'`;
