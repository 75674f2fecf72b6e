import { KNOWN_FORMS, type KnownForm } from '../../clients/postgres-types.ts';

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

/** What a field of a schema accepts: types of JSON Schema. None: anything. */
export type JsonTypes = readonly string[];

/**
 * Returns the form in which a field gets the values of a type: the type's own, or a text where the field wants texts.
 * Undefined when the field would never accept them.
 */
export function formFor(oid: number, types: Types, accepted: JsonTypes): Form | undefined {
  const own = ownForm(oid, types);
  if (own === 'json' || accepted.length === 0 || accepted.some((type) => jsonTypesOf(own).includes(type))) {
    return own === 'json' && accepted.length > 0 && accepted.every((type) => type === 'string' || type === 'null')
      ? 'text'
      : own;
  }
  return accepted.includes('string') && own !== 'boolean' ? 'text' : undefined;
}

/** The type of JSON that values of a form have. */
export function jsonTypesOf(form: Form): JsonTypes {
  if (typeof form === 'object') return ['array'];
  if (form === 'number') return ['number', 'integer'];
  return form === 'boolean' ? ['boolean'] : form === 'json' ? [] : ['string'];
}
