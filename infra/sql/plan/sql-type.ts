/**
 * The types that a value can have, beside arrays of them. A column of interval or bytea cannot be written: they live
 * inside of expressions.
 */
export const SCALAR_NAMES = [
  'boolean',
  'integer',
  'bigint',
  'double precision',
  'numeric',
  'text',
  'date',
  'timestamp',
  'timestamptz',
  'interval',
  'uuid',
  'jsonb',
  'bytea',
] as const;

/** `unknown` is a quoted literal whose type the context decides; a record is a declared object. */
export type ScalarName = (typeof SCALAR_NAMES)[number] | 'unknown';

export type SqlType =
  | { readonly kind: 'scalar'; readonly name: ScalarName }
  | { readonly kind: 'array'; readonly element: SqlType }
  | { readonly kind: 'record'; readonly fields: readonly Column[] };

export interface Column {
  readonly name: string;
  readonly type: SqlType;
  readonly nullable: boolean;
}

export const scalar = (name: ScalarName): SqlType => ({ kind: 'scalar', name });
export const arrayOf = (element: SqlType): SqlType => ({ kind: 'array', element });

export const UNKNOWN = scalar('unknown');
export const BOOLEAN = scalar('boolean');
export const TEXT = scalar('text');
export const INTEGER = scalar('integer');
export const JSONB = scalar('jsonb');

/** As it is written in SQL and in messages: `integer[]`. */
export function typeName(type: SqlType): string {
  if (type.kind === 'scalar') return type.name;
  return type.kind === 'array' ? `${typeName(type.element)}[]` : 'record';
}

export const sameType = (a: SqlType, b: SqlType): boolean =>
  typeName(a) === typeName(b) && (a.kind !== 'record' || a === b);
export const isUnknown = (type: SqlType): boolean => type.kind === 'scalar' && type.name === 'unknown';
export const isScalar = (type: SqlType, name: ScalarName): boolean => type.kind === 'scalar' && type.name === name;

/**
 * A declared object, or a list of them: text of it, and its order, are Postgres's for rows, which are not kept here.
 */
export const holdsRecord = (type: SqlType): boolean =>
  type.kind === 'record' || (type.kind === 'array' && holdsRecord(type.element));

const CATEGORY: Record<ScalarName, string> = {
  boolean: 'boolean',
  integer: 'number',
  bigint: 'number',
  'double precision': 'number',
  numeric: 'number',
  text: 'string',
  date: 'time',
  timestamp: 'time',
  timestamptz: 'time',
  interval: 'interval',
  uuid: 'user',
  jsonb: 'user',
  bytea: 'user',
  unknown: 'unknown',
};

/**
 * Postgres's type category. Types of no common category are a category of their own there (U), in which nothing
 * converts by itself.
 */
export function category(type: SqlType): string {
  if (type.kind === 'scalar') return CATEGORY[type.name];
  return type.kind === 'array' ? 'array' : 'record';
}

const PREFERRED: ReadonlySet<string> = new Set(['boolean', 'double precision', 'text', 'timestamptz', 'interval']);

export const isPreferred = (type: SqlType): boolean => PREFERRED.has(typeName(type));

/** What Postgres's parser calls those that have another name there. */
const NAMES: Record<string, ScalarName> = {
  bool: 'boolean',
  int4: 'integer',
  int8: 'bigint',
  float8: 'double precision',
};

/** The type that Postgres's parser names `int4` and SQL `integer`. */
export function typeNamed(name: string): SqlType | undefined {
  const found = NAMES[name] ?? SCALAR_NAMES.find((known) => known === name);
  return found === undefined ? undefined : scalar(found);
}

export const SUPPORTED_TYPES = `${SCALAR_NAMES.join(', ')} and arrays of them`;
