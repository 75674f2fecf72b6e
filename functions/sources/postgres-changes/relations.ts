import { ownForm, type Types } from '../../clients/postgres-types.ts';
import { UserMistake } from '../../runtime/errors.ts';
import { type AddValue, adderOf } from './json-text.ts';
import { formFor, type JsonTypes } from './value-forms.ts';

/** A field of the stream's schema. */
export interface Field {
  readonly name: string;
  /** What it accepts, as types of JSON Schema. Empty: anything. */
  readonly accepts: JsonTypes;
}

/** A column as a Relation message describes it. */
export interface RelationColumn {
  readonly name: string;
  readonly type: number;
  /** True when the column is part of the replica identity. */
  readonly isIdentity: boolean;
}

/** A table as a Relation message describes it: as it was when the changes behind the message were made. */
export interface Relation {
  readonly schema: string;
  readonly table: string;
  /** True under REPLICA IDENTITY FULL: old rows come whole, and every column counts as identity. */
  readonly isFull: boolean;
  readonly columns: readonly RelationColumn[];
}

/** What the reader does with the rows of a table. */
export interface FollowedTable {
  /** `schema.table`. */
  readonly name: string;
  readonly to: string | undefined;
  /** The types of its events. */
  readonly inserted: string;
  readonly updated: string;
  readonly deleted: string;
  readonly truncated: string;
  /** The key and the data of the event of a truncation: which columns make the keys of the rows, and their types. */
  readonly truncationKey: string;
  readonly truncation: Uint8Array;
  readonly isFull: boolean;
  /** The indexes of the key's columns. */
  readonly key: readonly number[];
  readonly columns: readonly WrittenColumn[];
  /** The name of each column in JSON, for `unchanged`. */
  readonly names: readonly Buffer[];
  /** The bytes that names and brackets take in a row's JSON. */
  readonly frameBytes: number;
  /** Columns that the stream's schema does not have. */
  readonly leftOut: readonly string[];
}

/** A column whose values become a field. */
export interface WrittenColumn {
  readonly index: number;
  /** `,"name":`. */
  readonly head: Buffer;
  readonly add: AddValue;
  readonly isKey: boolean;
}

/** The name of the field that lists columns of a row whose values are not known. */
export const UNCHANGED = 'unchanged';

export interface TableToFollow {
  readonly primaryKey: readonly string[];
  /** The fields of the schema of its stream. */
  readonly fields: readonly Field[];
  /** The output that its events go to, where there are several. */
  readonly to: string | undefined;
}

/** What the reader knows of a database when it connects. */
export interface Following {
  /** The tables by `schema.table`. */
  readonly tables: ReadonlyMap<string, TableToFollow>;
  readonly types: Types;
}

/** A type was made after the reader has asked for them. It has to ask again. */
export class UnknownType extends Error {
  readonly oid: number;

  constructor(oid: number) {
    super(`the type with the oid ${oid} is new`);
    this.name = 'UnknownType';
    this.oid = oid;
  }
}

/** Below this, oids belong to types that come with Postgres. */
const FIRST_OWN_OID = 16_384;

/**
 * Decides what becomes of a table's rows. Returns undefined for a table that is not followed. Throws a `UserMistake`
 * when the table has no key, or when a field can never take the values of its column.
 */
export function follow(relation: Relation, { tables, types }: Following): FollowedTable | undefined {
  const { schema, table, isFull, columns } = relation;
  const followed = tables.get(`${schema}.${table}`);
  if (followed === undefined) return undefined;
  const { primaryKey, fields, to } = followed;
  const isKey = ({ name, isIdentity }: RelationColumn) => (isFull ? primaryKey.includes(name) : isIdentity);
  const key = columns.flatMap((column, index) => (isKey(column) ? [index] : []));
  if (key.length === 0)
    throw new UserMistake(
      `the table ${schema}.${table} has no column that identifies a row, so its events would have no key: alter table ${schema}.${table} add primary key (…)`,
    );
  const accepts = new Map(fields.map((field) => [field.name, field.accepts]));
  const written = columns.flatMap((column, index): WrittenColumn[] => {
    const { name, type } = column;
    const accepted = accepts.get(name);
    if (accepted === undefined) return [];
    if (type >= FIRST_OWN_OID && !types.has(type)) throw new UnknownType(type);
    const add = adderOf(formFor(type, types, accepted) ?? ownForm(type, types));
    return [{ index, head: Buffer.from(`,${JSON.stringify(name)}:`), add, isKey: key.includes(index) }];
  });
  return {
    name: `${schema}.${table}`,
    to,
    inserted: `${table}.inserted`,
    updated: `${table}.updated`,
    deleted: `${table}.deleted`,
    truncated: `${table}.truncated`,
    truncationKey: `${schema}.${table}`,
    truncation: Buffer.from(
      JSON.stringify({
        key: key.map((index) => columns[index]?.name),
        types: key.map((index) => columns[index]?.type),
      }),
    ),
    isFull,
    key,
    columns: written,
    names: columns.map(({ name }) => Buffer.from(JSON.stringify(name))),
    frameBytes: written.reduce((sum, { head }) => sum + 2 * head.length + 8, 64),
    leftOut: columns.filter(({ name }) => !accepts.has(name)).map(({ name }) => `${table}.${name}`),
  };
}
