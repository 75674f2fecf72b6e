import type { CatalogueType } from '../../clients/postgres-types.ts';
import { UserMistake } from '../../runtime/errors.ts';
import type { Changes } from './changes.ts';
import { checkServer, checkTable, openPublication } from './guards.ts';
import { type Following, follow } from './relations.ts';
import type { Replication } from './replication.ts';
import { type CatalogueTable, checkFields, quotedTable, readTables, readTypes } from './tables.ts';
import type { SnapshotTable } from './take-snapshot.ts';

/** What a run knows of the database before it reads the log. */
export interface Prepared {
  readonly following: Following;
  /** The tables by `schema.table`, as they are now. */
  readonly tables: ReadonlyMap<string, SnapshotTable>;
  readonly version: number;
}

/**
 * Checks everything that a person may have to mend, and finds out how rows are written. `gone`: types that the log has
 * and the catalogue does not have any more.
 */
export async function prepare(
  replication: Replication,
  { tables: chosen, publication, create, snapshot }: Changes,
  gone: ReadonlyMap<number, CatalogueType>,
): Promise<Prepared> {
  const version = await checkServer(replication);
  const read = () => readTables(replication, { tables: chosen.map(({ written }) => written), publication, version });
  let tables = await read();
  const { isViaRoot, isNew } = await openPublication(replication, { publication, tables, create });
  if (isNew) tables = await read();
  const types = await readTypes(replication);
  for (const [oid, type] of gone) if (!types.has(oid)) types.set(oid, type);
  const fieldsOf = (table: CatalogueTable) => chosen.find(({ written }) => written === table.written)?.fields ?? [];
  for (const table of tables) {
    checkTable(table, { publication, isViaRoot });
    checkFields(table, fieldsOf(table), types);
    if (snapshot !== 'none') checkReadable(table);
  }
  const following = {
    tables: new Map(
      tables.map((table) => {
        const to = chosen.find(({ written }) => written === table.written)?.to;
        return [nameOf(table), { primaryKey: table.primaryKey, fields: fieldsOf(table), to }];
      }),
    ),
    types,
  };
  return {
    following,
    tables: new Map(
      tables.map((table) => {
        const { schema, table: name, columns, identityColumns } = table;
        const relation = {
          ...{ schema, table: name, isFull: false },
          columns: columns.map((column) => ({ ...column, isIdentity: identityColumns.includes(column.name) })),
        };
        return [nameOf(table), { table, followed: follow(relation, following) as SnapshotTable['followed'] }];
      }),
    ),
    version,
  };
}

function nameOf({ schema, table }: CatalogueTable): string {
  return `${schema}.${table}`;
}

function checkReadable({ written, mayRead }: CatalogueTable): void {
  if (!mayRead)
    throw new UserMistake(
      `the user may not read the table ${written}, whose rows are to come into the stream: grant select on ${quotedTable(written)} to its user, or set snapshot: 'none'`,
    );
}
