import type pg from 'pg';
import { UserMistake } from '../runtime/errors.ts';
import { quoted } from '../sinks/postgres/names.ts';
import { readStateNote, type StoredShape } from './shape.ts';

/** Lends a connection, as `Database.use` does. */
export type UseClient = <T>(signal: AbortSignal, work: (client: pg.ClientBase) => Promise<T>) => Promise<T>;

/** The names of what a table step has in the database, quoted. */
export interface Places {
  readonly schema: string;
  readonly view: string;
  /** Returns the name of a state. */
  readonly state: (number: number) => string;
}

/**
 * Returns the name of a table's state, without its schema. A table that is made again gets a state with the next
 * number, and the former one is dropped.
 */
export const stateNameOf = (table: string, number = 1): string => `${table} state ${number}`;

/** `step` is `<pipeline>/<step>`. */
export function placesOf(step: string): Places {
  const [pipeline = '', name = ''] = step.split('/');
  const schema = quoted(pipeline);
  return {
    schema,
    view: `${schema}.${quoted(name)}`,
    state: (number) => `${schema}.${quoted(stateNameOf(name, number))}`,
  };
}

export const viewNote = (step: string): string => `millrace table ${step}`;

/** A state of a step. */
export interface NumberedState {
  readonly number: number;
  readonly stored: StoredShape;
}

/** What a step finds in the database under its names. */
export interface Found {
  readonly hasSchema: boolean;
  readonly hasView: boolean;
  /** The state whose rows the table shows. */
  readonly shown: NumberedState | undefined;
  /** The state that the shown one has replaced, while the readers of the changes do not know all of that. */
  readonly former: NumberedState | undefined;
  /** States that are being made, and are not shown yet. */
  readonly filling: readonly NumberedState[];
  /** The highest number of a state, whoever has made it. */
  readonly highest: number;
}

/**
 * Looks for the schema, the view and the states of a step. Throws a `UserMistake` when something else has their names.
 *
 * Asks the catalogue's tables. `to_regclass` fails for a user who may not look into the schema, and may not see yet
 * what another session has just committed.
 */
export async function find(client: pg.ClientBase, step: string): Promise<Found> {
  const [pipeline = '', name = ''] = step.split('/');
  const prefix = stateNameOf(name, 0).slice(0, -1);
  const { rows } = await client.query<{ name: string | null; note: string | null }>(
    `SELECT c.relname AS name, coalesce(obj_description(c.oid, 'pg_class'), '') AS note
       FROM pg_catalog.pg_namespace n
       LEFT JOIN pg_catalog.pg_class c ON c.relnamespace = n.oid
        AND (c.relname = $2 OR starts_with(c.relname, $3) AND substr(c.relname, length($3) + 1) ~ '^[1-9][0-9]{0,8}$')
      WHERE n.nspname = $1`,
    [pipeline, name, prefix],
  );
  const places = placesOf(step);
  const view = rows.find((row) => row.name === name)?.note;
  if (typeof view === 'string' && view !== viewNote(step))
    throw new UserMistake(
      `${places.view} exists in the database and is not the view of table ${step}: rename it (alter table ${places.view} rename to …), or rename the table step in the pipeline`,
    );
  const all = rows
    .filter((row) => row.name !== null && row.name !== name)
    .map((row) => ({
      number: Number(row.name?.slice(prefix.length)),
      stored: readStateNote(step, row.note ?? ''),
    }));
  const own = all.flatMap(({ number, stored }) => (stored === undefined ? [] : [{ number, stored }]));
  const shown = own.find(({ stored }) => stored.fills !== true && stored.replaced !== true);
  if (shown === undefined && all.some(({ number, stored }) => number === 1 && stored === undefined))
    throw new UserMistake(
      `${places.state(1)} exists in the database and is not the state of table ${step}: rename it, or rename the table step in the pipeline`,
    );
  return {
    hasSchema: rows.length > 0,
    hasView: view !== undefined,
    shown,
    former: own.find(({ number }) => number === shown?.stored.corrects?.number),
    filling: own.filter(({ stored }) => stored.fills === true),
    highest: Math.max(0, ...all.map(({ number }) => number)),
  };
}

/** Writes the comment of a state, a table that is named as SQL names it. */
export async function setNote(client: pg.ClientBase, state: string, note: string): Promise<void> {
  await client.query(`COMMENT ON TABLE ${state} IS ${client.escapeLiteral(note)}`);
}
