import { createHash } from 'node:crypto';
import type pg from 'pg';
import { quoted, quotedList } from '../sinks/postgres/names.ts';
import type { StateTable } from './statements.ts';

/** The columns of an index that a pipeline names for a table, in their order. */
export type Index = readonly string[];

/** `<table> index <8 digits>`: the name tells which indexes are ours, and what they are of. */
const OURS = / index [0-9a-f]{8}$/;

/** A step's name has at most 30 characters, and a name in Postgres 63 bytes. */
function nameOf(step: string, index: Index): string {
  return `${tableOf(step)} index ${createHash('sha256').update(JSON.stringify(index)).digest('hex').slice(0, 8)}`;
}

function tableOf(step: string): string {
  const [, table = ''] = step.split('/');
  return table;
}

interface Indexed {
  /** `<pipeline>/<step>` */
  readonly step: string;
  readonly state: StateTable;
  readonly indexes: readonly Index[];
}

/** Makes all indexes of a state table that is empty, inside the transaction that makes the table. */
export async function createIndexes(client: pg.ClientBase, { step, state, indexes }: Indexed): Promise<void> {
  for (const index of indexes) await client.query(createIndex({ name: nameOf(step, index), index, state }, ''));
}

/**
 * Finds what there is to do so that the table has the indexes of the pipeline, and no other of ours: statements, each
 * of which has to run outside of a transaction. They neither block readers nor writers. An index that is invalid,
 * because a build of it failed or runs at this moment, is dropped and made again: run the statements only where no
 * other session does so. Indexes of other people are not looked at.
 */
export async function indexChanges(client: pg.ClientBase, wanted: Indexed): Promise<readonly string[]> {
  const { step, state, indexes } = wanted;
  const ours = await indexesOf(client, state.name);
  const valid = new Set(ours.filter(({ valid: isValid }) => isValid).map(({ name }) => name));
  const named = new Map(indexes.map((index) => [nameOf(step, index), index]));
  return [
    ...ours
      .filter(({ name }) => !named.has(name) || !valid.has(name))
      .map(({ schema, name }) => `DROP INDEX CONCURRENTLY IF EXISTS ${quoted(schema)}.${quoted(name)}`),
    ...[...named]
      .filter(([name]) => !valid.has(name))
      .map(([name, index]) => createIndex({ name, index, state }, 'CONCURRENTLY')),
  ];
}

/** Renames the indexes of a state that a renamed step has taken over: another table may get the former name. */
export async function renameIndexes(client: pg.ClientBase, step: string, state: string): Promise<void> {
  for (const { name, schema } of await indexesOf(client, state))
    await client.query(
      `ALTER INDEX ${quoted(schema)}.${quoted(name)} RENAME TO ${quoted(`${tableOf(step)}${OURS.exec(name)?.[0]}`)}`,
    );
}

interface OwnIndex {
  readonly name: string;
  readonly schema: string;
  readonly valid: boolean;
}

/** Lists the indexes of a state table that are ours. */
async function indexesOf(client: pg.ClientBase, state: string): Promise<readonly OwnIndex[]> {
  const { rows } = await client.query<OwnIndex>(
    `SELECT i.relname AS name, n.nspname AS schema, x.indisvalid AS valid
       FROM pg_catalog.pg_index x JOIN pg_catalog.pg_class i ON i.oid = x.indexrelid
       JOIN pg_catalog.pg_namespace n ON n.oid = i.relnamespace
      WHERE x.indrelid = to_regclass(${client.escapeLiteral(state)}) ORDER BY i.relname`,
  );
  return rows.filter(({ name }) => OURS.test(name));
}

interface NamedIndex {
  readonly name: string;
  readonly index: Index;
  readonly state: StateTable;
}

/** The rows that a table hides are in the index too, as nulls: see `createState`. */
function createIndex({ name, index, state }: NamedIndex, how: '' | 'CONCURRENTLY'): string {
  return `CREATE INDEX ${how} ${quoted(name)} ON ${state.name} (${quotedList(index)})`;
}
