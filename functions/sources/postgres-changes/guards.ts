import pg from 'pg';
import { UserMistake } from '../../runtime/errors.ts';
import type { Replication } from './replication.ts';
import { type CatalogueTable, quotedTable } from './tables.ts';

/** What the server has to be, and what its user has to be allowed. */
interface ServerFacts {
  readonly version: number;
  readonly isStandby: boolean;
  readonly walLevel: string;
  /** How much of the log a slot may keep, in megabytes; -1 for any. */
  readonly keepMegabytes: number;
  readonly user: string;
  readonly mayReplicate: boolean;
  readonly encoding: string;
  readonly isRds: boolean;
}

const SERVER = `SELECT json_build_object('version', current_setting('server_version_num')::int,
    'isStandby', pg_is_in_recovery(), 'walLevel', current_setting('wal_level'),
    'keepMegabytes', (SELECT setting::int FROM pg_settings WHERE name = 'max_slot_wal_keep_size'),
    'user', current_user, 'encoding', current_setting('server_encoding'),
    'mayReplicate', r.rolreplication OR r.rolsuper OR EXISTS (
      SELECT FROM pg_roles m WHERE m.rolname = 'rds_replication' AND pg_has_role(current_user, m.oid, 'MEMBER')),
    'isRds', EXISTS (SELECT FROM pg_roles WHERE rolname = 'rds_replication')) AS facts
  FROM pg_roles r WHERE r.rolname = current_user`;

/**
 * Throws a `UserMistake`, with the statement that helps, when the server's log cannot be read, or when a slot could
 * fill the server's disk. Resolves to the server's version.
 */
export async function checkServer({ query }: Pick<Replication, 'query'>): Promise<number> {
  const [row] = await query(SERVER);
  const facts = JSON.parse(row?.facts ?? '{}') as ServerFacts;
  const { version, isStandby, walLevel, keepMegabytes, user, mayReplicate, encoding, isRds } = facts;
  const refuse = (what: string): never => {
    throw new UserMistake(what);
  };
  if (version < OLDEST_VERSION)
    refuse(`the server is Postgres ${Math.floor(version / 10_000)}, and its log is read from 14 on: upgrade it`);
  if (isStandby)
    refuse(
      'the server is a standby, and a standby cannot write the marks by which the reader knows its server: name the primary server',
    );
  if (walLevel !== 'logical')
    refuse(
      `wal_level is '${walLevel}', and only 'logical' has the changes of rows: ${isRds ? 'set rds.logical_replication = 1 in the parameter group' : "alter system set wal_level = 'logical'"}, and restart the server`,
    );
  if (!mayReplicate)
    refuse(
      `the user ${user} may not read the log: ${isRds ? `grant rds_replication to ${pg.escapeIdentifier(user)}` : `alter role ${pg.escapeIdentifier(user)} replication`}`,
    );
  if (keepMegabytes < 0)
    refuse(
      `max_slot_wal_keep_size is -1, so a reader that stands still would fill the server's disk: ${isRds ? 'set it in the parameter group, for example to 10240 (MB)' : "alter system set max_slot_wal_keep_size = '10GB'; select pg_reload_conf()"}`,
    );
  if (encoding !== 'UTF8') refuse(`the database has the encoding ${encoding}: only UTF8 can hold every text`);
  return version;
}

const OLDEST_VERSION = 140_000;

/**
 * Throws a `UserMistake`, with the statement that helps, when the changes of a table would not come, or not be told
 * apart.
 */
export function checkTable(
  { written, kind, identity, primaryKey, isPublished }: CatalogueTable,
  { publication, isViaRoot }: { readonly publication: string; readonly isViaRoot: boolean },
): void {
  const name = quotedTable(written);
  const into = pg.escapeIdentifier(publication);
  if (identity === 'n')
    throw new UserMistake(
      `the table ${written} has replica identity nothing, so its log does not say which row was changed: alter table ${name} replica identity default`,
    );
  if (primaryKey.length === 0)
    throw new UserMistake(
      `the table ${written} has no primary key, so two equal rows cannot be told apart: alter table ${name} add primary key (…)`,
    );
  if (kind === 'p' && !isViaRoot)
    throw new UserMistake(
      `the table ${written} is partitioned, and the publication ${publication} names each partition for itself: alter publication ${into} set (publish_via_partition_root = true)`,
    );
  if (!isPublished)
    throw new UserMistake(
      `the publication ${publication} does not have the table ${written}: alter publication ${into} add table ${name}`,
    );
}

/**
 * Finds the publication, and makes it when it is missing and `create` says so. Throws a `UserMistake` when it is
 * missing, or leaves out a kind of change. Resolves to whether changes of partitions come in the name of their table.
 */
export async function openPublication(
  { query }: Pick<Replication, 'query'>,
  {
    publication,
    tables,
    create,
  }: { readonly publication: string; readonly tables: readonly CatalogueTable[]; readonly create: boolean },
): Promise<{ readonly isViaRoot: boolean; readonly isNew: boolean }> {
  const name = pg.escapeIdentifier(publication);
  const find = `SELECT pubinsert AND pubupdate AND pubdelete AND pubtruncate AS whole, pubviaroot AS root
    FROM pg_catalog.pg_publication WHERE pubname = ${pg.escapeLiteral(publication)}`;
  const [found] = await query(find);
  if (found === undefined) {
    const statement = `create publication ${name} for table ${tables.map(({ written }) => quotedTable(written)).join(', ')} with (publish_via_partition_root = true)`;
    if (!create)
      throw new UserMistake(
        `there is no publication ${publication}: ${statement}; or set create: true in the source's options`,
      );
    for (const table of tables) checkTable({ ...table, isPublished: true }, { publication, isViaRoot: true });
    await query(statement).catch((error: unknown) => {
      if (!(error instanceof pg.DatabaseError)) throw error;
      if (error.code === EXISTS_ALREADY) return;
      throw new UserMistake(
        `cannot make the publication ${publication} (${error.message}): make it yourself: ${statement}`,
      );
    });
    return { isViaRoot: true, isNew: true };
  }
  if (found.whole !== 't')
    throw new UserMistake(
      `the publication ${publication} leaves out a kind of change: alter publication ${name} set (publish = 'insert, update, delete, truncate')`,
    );
  return { isViaRoot: found.root === 't', isNew: false };
}

const EXISTS_ALREADY = '42710';
