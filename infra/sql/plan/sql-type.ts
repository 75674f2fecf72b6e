/**
 * The scalar types; a value has one of these, or is an array or a record. An output column cannot be interval or bytea,
 * which exist only inside expressions.
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

/** The name of a scalar type. `unknown` is the type of a quoted literal until the context decides its type. */
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

/** Returns the type's name as SQL and messages write it: `integer[]`. A declared object is a `record`. */
export function typeName(type: SqlType): string {
  if (type.kind === 'scalar') return type.name;
  return type.kind === 'array' ? `${typeName(type.element)}[]` : 'record';
}

export const sameType = (a: SqlType, b: SqlType): boolean =>
  typeName(a) === typeName(b) && (a.kind !== 'record' || a === b);
export const isUnknown = (type: SqlType): boolean => type.kind === 'scalar' && type.name === 'unknown';
export const isScalar = (type: SqlType, name: ScalarName): boolean => type.kind === 'scalar' && type.name === name;

/**
 * Tests for a declared object, or a list of them. Postgres compares such values and converts them to text by its rules
 * for rows, which are not supported here.
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
 * Returns Postgres's category of a type. Types such as uuid and jsonb are in the category `user` (U), within which
 * Postgres converts nothing implicitly.
 */
export function category(type: SqlType): string {
  if (type.kind === 'scalar') return CATEGORY[type.name];
  return type.kind === 'array' ? 'array' : 'record';
}

const PREFERRED: ReadonlySet<string> = new Set(['boolean', 'double precision', 'text', 'timestamptz', 'interval']);

export const isPreferred = (type: SqlType): boolean => PREFERRED.has(typeName(type));

/** Types for which Postgres's parser uses another name than SQL. */
const NAMES: Record<string, ScalarName> = {
  bool: 'boolean',
  int4: 'integer',
  int8: 'bigint',
  float8: 'double precision',
};

/** Finds a type by its SQL name (`integer`) or by the parser's name for it (`int4`). */
export function typeNamed(name: string): SqlType | undefined {
  const found = NAMES[name] ?? SCALAR_NAMES.find((known) => known === name);
  return found === undefined ? undefined : scalar(found);
}

export const SUPPORTED_TYPES = `${SCALAR_NAMES.join(', ')} and arrays of them`;
