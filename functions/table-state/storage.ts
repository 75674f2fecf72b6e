import type pg from 'pg';

/**
 * The storage parameters of a state table, whose rows are updated over and over. A fifth of each page stays free, so
 * that a new version of a row fits beside the old one and no index needs a new entry. Vacuum comes when a fiftieth of
 * the rows are dead, in place of a fifth, and fresh statistics when a twentieth has changed.
 */
const SETTINGS = {
  fillfactor: '80',
  autovacuum_vacuum_threshold: '1000',
  autovacuum_vacuum_scale_factor: '0.02',
  autovacuum_analyze_scale_factor: '0.05',
} as const;

/** Rows that are longer than 2 KB are stored apart, in a table that is vacuumed for itself. */
const OF_LONG_ROWS = { 'toast.autovacuum_vacuum_scale_factor': '0.02' } as const;

/** The parameters, as CREATE TABLE … WITH and ALTER TABLE … SET take them. */
export const STORAGE = `(${Object.entries({ ...SETTINGS, ...OF_LONG_ROWS })
  .map(([name, value]) => `${name} = ${value}`)
  .join(', ')})`;

/**
 * Sets the parameters of a state table that an earlier version has made: once, since a table that has any of them is
 * left as it is, whoever set it. Rewrites nothing, and blocks neither readers nor writers. When something else holds
 * the table, such as a vacuum, the next process does it.
 */
export async function setStorage(client: pg.ClientBase, state: string): Promise<void> {
  const { rows } = await client.query(
    `SELECT FROM pg_catalog.pg_class c
      WHERE c.oid = to_regclass(${client.escapeLiteral(state)}) AND pg_has_role(current_user, c.relowner, 'USAGE')
        AND NOT EXISTS (SELECT FROM pg_options_to_table(c.reloptions) WHERE option_name = ANY ($1::text[]))`,
    [Object.keys(SETTINGS)],
  );
  if (rows.length === 0) return;
  try {
    await client.query(`BEGIN; SET LOCAL lock_timeout = '1s'; ALTER TABLE ${state} SET ${STORAGE}; COMMIT`);
  } catch (error) {
    await client.query('ROLLBACK');
    if (!LATER.has((error as pg.DatabaseError).code ?? '')) throw error;
  }
}

/** Somebody else holds a lock, or alters the table at this moment. */
const LATER = new Set(['55P03', 'XX000', '40P01']);
