import type pg from 'pg';
import { UserMistake } from '../runtime/errors.ts';
import type { Column } from '../sinks/postgres/columns.ts';
import { quoted } from '../sinks/postgres/names.ts';
import { letReaderRead } from '../sinks/postgres/readable.ts';
import { columnsFingerprint, makeProgressTable, refuseOtherEncodings } from '../sinks/postgres/table.ts';
import { createIndexes, type Index, renameIndexes } from './indexes.ts';
import { createState, createView, type StateTable } from './statements.ts';
import { setStorage } from './storage.ts';

/** A state table that is there. Its fingerprint changes when somebody alters it. */
export type Prepared = StateTable & { readonly fingerprint: string };

/** `<pipeline>/<step>`, and the step's former name in the same form. */
export interface Owner {
  readonly step: string;
  readonly formerly?: string | undefined;
}

/** What the rows of a table are made of. The state's comment says it, to notice a change. */
export interface Shape {
  readonly columns: readonly Column[];
  readonly key: readonly string[];
  /** What the state is made of, where it is not the row. */
  readonly state?: string | undefined;
  /** The indexes that the pipeline names. A new state gets them at once; they are no part of what identifies it. */
  readonly indexes: readonly Index[];
}

/** The names of what a table step has in the database. */
interface Places {
  readonly schema: string;
  readonly view: string;
  readonly state: string;
}

function placesOf(step: string): Places {
  const [pipeline = '', name = ''] = step.split('/');
  const schema = quoted(pipeline);
  return { schema, view: `${schema}.${quoted(name)}`, state: `${schema}.${quoted(`${name} state 1`)}` };
}

const viewNote = (step: string): string => `millrace table ${step}`;
const stateNote = (step: string, { key, columns, state }: Shape): string =>
  `millrace state of ${step}: ${JSON.stringify({ key, columns, state })}`;

const tableAt = (name: string, { columns, state }: Shape): StateTable => ({
  name,
  columns,
  hasState: state !== undefined,
});

/** Makes what is missing in the database. Throws a `UserMistake` for what an operator has to mend. */
export async function makeTable(client: pg.ClientBase, owner: Owner, shape: Shape): Promise<Prepared> {
  await refuseOtherEncodings(client);
  await makeProgressTable(client);
  const { state, view } = placesOf(owner.step);
  if (!(await isThere(client, owner, shape))) await makeLocked(client, owner, shape);
  await letReaderRead(client, view);
  await setStorage(client, state);
  const { rows } = await client.query<{ fingerprint: string }>(columnsFingerprint(client.escapeLiteral(state), []));
  return { ...tableAt(state, shape), fingerprint: rows[0]?.fingerprint ?? '' };
}

/** Makes schema, state and view in one transaction. One session at a time does so. */
async function makeLocked(client: pg.ClientBase, owner: Owner, shape: Shape): Promise<void> {
  await client.query(`BEGIN; SELECT pg_advisory_xact_lock(${MAKING_LOCK})`);
  try {
    if (!(await isThere(client, owner, shape))) await make(client, owner, shape);
    await client.query('COMMIT');
  } catch (error) {
    await client.query('ROLLBACK');
    throw (error as pg.DatabaseError).code === NO_RIGHT ? await missingRight(client, owner, error as Error) : error;
  }
}

/** An arbitrary number that other programs are unlikely to lock. */
const MAKING_LOCK = '7883948836411040103';
const NO_RIGHT = '42501';

interface Notes {
  readonly schema: boolean;
  /** The comment; an empty text where there is none. Null: there is nothing of this name. */
  readonly view: string | null;
  readonly state: string | null;
}

/**
 * Asks the catalogue's tables. `to_regclass` fails for a user who may not look into the schema, and may not see yet
 * what another session has just committed.
 */
async function notesOf(client: pg.ClientBase, { schema, view, state }: Places): Promise<Notes> {
  const note = (place: string) =>
    `(SELECT coalesce(obj_description(c.oid, 'pg_class'), '') FROM pg_catalog.pg_class c
       JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
      WHERE ARRAY[n.nspname::text, c.relname::text] = parse_ident(${client.escapeLiteral(place)}))`;
  const { rows } = await client.query<Notes>(
    `SELECT EXISTS (SELECT FROM pg_catalog.pg_namespace
                     WHERE ARRAY[nspname::text] = parse_ident(${client.escapeLiteral(schema)})) AS schema,
            ${note(view)} AS view, ${note(state)} AS state`,
  );
  return rows[0] as Notes;
}

/** True when state and view are there, and ours. Throws a `UserMistake` when something else has their name. */
async function isThere(client: pg.ClientBase, { step }: Owner, shape: Shape): Promise<boolean> {
  const places = placesOf(step);
  const { view, state } = await notesOf(client, places);
  if (view !== null && view !== viewNote(step))
    throw new UserMistake(
      `${places.view} exists in the database and is not the view of table ${step}: rename it (alter table ${places.view} rename to …), or rename the table step in the pipeline`,
    );
  if (state !== null && !state.startsWith(`millrace state of ${step}: `))
    throw new UserMistake(
      `${places.state} exists in the database and is not the state of table ${step}: rename it, or rename the table step in the pipeline`,
    );
  if (state !== null && state !== stateNote(step, shape))
    throw new UserMistake(
      `the columns, the key or the state of table ${step} have changed since its state was made (${changeOf(state, step, shape)}): undo that, or start afresh: rename the table step in the pipeline, and drop ${places.view} and ${places.state} when nobody reads them any more`,
    );
  return view !== null && state !== null;
}

function changeOf(note: string, step: string, { columns, key, state }: Shape): string {
  const before = JSON.parse(note.slice(`millrace state of ${step}: `.length)) as Shape;
  if (before.key.join() !== key.join()) return `the key was ${before.key.join(', ')} and is ${key.join(', ')}`;
  const textOf = ({ type, nullable }: Column): string => `${type}${nullable ? '' : ' not null'}`;
  const [was, is] = [before.columns, columns].map((all) => new Map(all.map((one) => [one.name, textOf(one)])));
  const names = new Set([...(was?.keys() ?? []), ...(is?.keys() ?? [])]);
  const changed = [...names].filter((name) => was?.get(name) !== is?.get(name));
  if (changed.length === 0 && before.state !== state)
    return `its state was ${before.state ?? 'the row'} and is ${state ?? 'the row'}`;
  return (
    changed
      .map((name) => `${name} was ${was?.get(name) ?? 'missing'} and is ${is?.get(name) ?? 'missing'}`)
      .join('; ') || 'their order'
  );
}

async function make(client: pg.ClientBase, owner: Owner, shape: Shape): Promise<void> {
  const { step, formerly } = owner;
  const places = placesOf(step);
  const { schema, view, state } = await notesOf(client, places);
  // Others who are granted SELECT on the view need to look into its schema.
  if (!schema) await client.query(`CREATE SCHEMA ${places.schema}; GRANT USAGE ON SCHEMA ${places.schema} TO PUBLIC`);
  if (state === null && !(formerly !== undefined && (await takeOver(client, { step, formerly })))) {
    await refuseLostState(client, owner, places);
    await client.query(createState(tableAt(places.state, shape), shape.key));
    await createIndexes(client, { step, state: tableAt(places.state, shape), indexes: shape.indexes });
    await client.query(`COMMENT ON TABLE ${places.state} IS ${client.escapeLiteral(stateNote(step, shape))}`);
  }
  if (view === null && (await notesOf(client, places)).view === null) {
    await client.query(createView(places.view, tableAt(places.state, shape)));
    await client.query(`COMMENT ON VIEW ${places.view} IS ${client.escapeLiteral(viewNote(step))}`);
  }
  // Of a state that was taken over, only the owner has changed.
  await isThere(client, owner, shape);
}

/**
 * Gives the state and the view of the step's former name to the step. From then on, no process of the former step can
 * commit: it finds no state. So do this before the former step's progress is loaded.
 */
async function takeOver(
  client: pg.ClientBase,
  { step, formerly }: Required<{ readonly [K in keyof Owner]: string }>,
): Promise<boolean> {
  const [from, to] = [placesOf(formerly), placesOf(step)];
  const { view, state } = await notesOf(client, from);
  const prefix = `millrace state of ${formerly}: `;
  if (!state?.startsWith(prefix)) return false;
  const nameOf = (place: string): string => place.slice(place.indexOf('.') + 1);
  const note = `millrace state of ${step}: ${state.slice(prefix.length)}`;
  await client.query(`ALTER TABLE ${from.state} RENAME TO ${nameOf(to.state)};
    COMMENT ON TABLE ${to.state} IS ${client.escapeLiteral(note)}`);
  if (view === viewNote(formerly))
    await client.query(`ALTER VIEW ${from.view} RENAME TO ${nameOf(to.view)};
      COMMENT ON VIEW ${to.view} IS ${client.escapeLiteral(viewNote(step))}`);
  await renameIndexes(client, step, to.state);
  return true;
}

/** An empty state for a step that has read its stream would be a wrong table. */
async function refuseLostState(client: pg.ClientBase, { step, formerly }: Owner, { state }: Places): Promise<void> {
  const { rows } = await client.query('SELECT FROM millrace_progress WHERE step IN ($1, $2) AND revision > 0 LIMIT 1', [
    step,
    formerly ?? step,
  ]);
  if (rows.length > 0)
    throw new UserMistake(
      `the state of table ${step} (${state}) is gone, and the step has read its stream: restore the database from a backup, or start afresh: rename the table step in the pipeline`,
    );
}

async function missingRight(client: pg.ClientBase, { step }: Owner, error: Error): Promise<UserMistake> {
  const places = placesOf(step);
  const { schema } = await notesOf(client, places);
  const { rows } = await client.query<{ database: string; who: string }>(
    'SELECT current_database() AS database, current_user AS who',
  );
  const [{ database, who } = { database: '', who: '' }] = rows;
  const what = schema ? `USAGE, CREATE ON SCHEMA ${places.schema}` : `CREATE ON DATABASE ${quoted(database)}`;
  return new UserMistake(
    `cannot make the table ${step}: ${error.message}: GRANT ${what} TO ${quoted(who)}; for the stage's own database, millrace database init grants it`,
  );
}
