import { z } from 'zod';
import type { Column, SqlType } from '../plan/sql-type.ts';
import { arrayOf, JSONB, SUPPORTED_TYPES, scalar, TEXT, typeNamed } from '../plan/sql-type.ts';

/** The part of JSON Schema that zod generates. */
interface JsonSchema {
  readonly type?: string | readonly string[];
  readonly anyOf?: readonly JsonSchema[];
  readonly format?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly items?: JsonSchema;
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly required?: readonly string[];
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly $ref?: string;
  /**
   * The type named by `.meta({ sql: 'timestamp' })`, for types that JSON does not have. `numeric not null`: SQL that
   * reads the column also rejects events without a value.
   */
  readonly sql?: string;
}

/**
 * Returns the columns that a stream's schema declares, with the types of the JSON input (before any transform of zod).
 * Returns undefined if the schema is not an object.
 */
export function columnsOfSchema(schema: z.ZodType): readonly Column[] | undefined {
  const json = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }) as JsonSchema;
  return json.properties === undefined ? undefined : fieldsOf(json);
}

function fieldsOf({ properties = {}, required = [] }: JsonSchema): readonly Column[] {
  return Object.entries(properties).map(([name, json]) => {
    const { schema, nullable } = withoutNull(json);
    const present = json.sql !== undefined && NOT_NULL.test(json.sql);
    return {
      name,
      type: typeOf(schema),
      nullable: !present && (nullable || !required.includes(name) || canBeNull(schema)),
    };
  });
}

const NOT_NULL = / not null$/i;

function withoutNull(json: JsonSchema): { schema: JsonSchema; nullable: boolean } {
  if (json.anyOf !== undefined) {
    const rest = json.anyOf.filter(({ type }) => type !== 'null');
    const [only] = rest;
    const nullable = rest.length < json.anyOf.length;
    return {
      schema:
        rest.length === 1 && only !== undefined
          ? { ...only, ...(json.sql === undefined ? {} : { sql: json.sql }) }
          : {},
      nullable,
    };
  }
  if (!Array.isArray(json.type)) return { schema: json, nullable: false };
  const rest = json.type.filter((type) => type !== 'null');
  return {
    schema: rest.length === 1 ? { ...json, type: rest[0] as string } : {},
    nullable: rest.length < json.type.length,
  };
}

/** Tests for a schema without a type, which accepts null too. */
const canBeNull = ({ type, sql }: JsonSchema): boolean => type === undefined && sql === undefined;

function typeOf(json: JsonSchema): SqlType {
  if (json.sql !== undefined) return declared(json.sql);
  switch (json.type) {
    case 'string':
      return textType(json);
    case 'integer':
      return scalar(
        (json.minimum ?? -Infinity) >= -2147483648 && (json.maximum ?? Infinity) <= 2147483647 ? 'integer' : 'bigint',
      );
    case 'number':
      return scalar(json.minimum === -Number.MAX_VALUE ? 'double precision' : 'numeric');
    case 'boolean':
      return scalar('boolean');
    case 'array':
      return listType(json.items ?? {});
    case 'object':
      return json.properties === undefined ? JSONB : { kind: 'record', fields: fieldsOf(json) };
    default:
      return JSONB;
  }
}

function declared(text: string): SqlType {
  // SQL computes with every digit, whatever precision the column of a sink has.
  const sql = text.replace(NOT_NULL, '').replace(/^numeric\s*\(.*\)$/i, 'numeric');
  const element = sql.endsWith('[]') ? typeNamed(sql.slice(0, -2)) : undefined;
  const type = element === undefined ? typeNamed(sql) : arrayOf(element);
  if (type === undefined)
    throw new Error(`meta({ sql: '${text}' }) is not a type of SQL transforms: use one of ${SUPPORTED_TYPES}`);
  return type;
}

function textType({ format }: JsonSchema): SqlType {
  if (format === 'uuid') return scalar('uuid');
  if (format === 'date-time') return scalar('timestamptz');
  return format === 'date' ? scalar('date') : TEXT;
}

/** Returns the type of a list. A list of lists is jsonb at any depth, because arrays have one dimension. */
function listType(items: JsonSchema): SqlType {
  const item = withoutNull(items).schema;
  const element = typeOf(item);
  const isList = element.kind === 'array' || (item.type === 'array' && item.sql === undefined);
  return isList ? JSONB : arrayOf(element);
}
