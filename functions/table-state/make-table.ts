import type pg from 'pg';
import { UserMistake } from '../runtime/errors.ts';
import type { StateForm } from '../runtime/table.ts';
import { quoted } from '../sinks/postgres/names.ts';
import { letReaderRead, letReaderReadColumn } from '../sinks/postgres/readable.ts';
import { columnsFingerprint, makeProgressTable, refuseOtherEncodings } from '../sinks/postgres/table.ts';
import { createIndexes, type Index, renameIndexes } from './indexes.ts';
import { adoptedShape, changeBetween, readStateNote, type Shape, type StoredShape, stateNote } from './shape.ts';
import { showAgain } from './show-again.ts';
import { createState, createView, type StateTable, WINDOW_END_COLUMN } from './statements.ts';
import { setStorage } from './storage.ts';

/** A state table that is there. Its fingerprint changes when somebody alters it. */
export type Prepared = StateTable & {
  readonly fingerprint: string;
  /** Rows of windows that ended by then may be gone, in milliseconds since 1970. Undefined: the retention says it. */
  readonly goneMillis: number | undefined;
};

/** `<pipeline>/<step>`, and the step's former name in the same form. */
export interface Owner {
  readonly step: string;
  readonly formerly?: string | undefined;
}

/** A table as its step's code makes it. */
export interface Wanted {
  readonly shape: Shape;
  /** The indexes that the pipeline names. A new state gets them at once; they are no part of what identifies it. */
  readonly indexes: readonly Index[];
  /**
   * Set where the rows are made again when the code makes them otherwise. Without it, each waits for its next event.
   */
  readonly form?: StateForm | undefined;
  /** True when this process has found the table before, as its code makes it. */
  readonly isKnown: boolean;
}

/** The names of what a table step has in the database. */
interface Places {
  readonly schema: string;
  readonly view: string;
  readonly state: string;
}

/** Returns the name of a table's state, without its schema. */
export const stateNameOf = (table: string): string => `${table} state 1`;

function placesOf(step: string): Places {
  const [pipeline = '', name = ''] = step.split('/');
  const schema = quoted(pipeline);
  return { schema, view: `${schema}.${quoted(name)}`, state: `${schema}.${quoted(stateNameOf(name))}` };
}

const viewNote = (step: string): string => `millrace table ${step}`;

const tableAt = (name: string, { columns, state, windows }: Shape): StateTable => ({
  name,
  columns,
  hasState: state !== undefined,
  hasWindows: windows !== undefined,
});

/** Makes what is missing in the database. Throws a `UserMistake` for what an operator has to mend. */
export async function makeTable(client: pg.ClientBase, owner: Owner, wanted: Wanted): Promise<Prepared> {
  await refuseOtherEncodings(client);
  await makeProgressTable(client);
  const { shape } = wanted;
  const { state, view } = placesOf(owner.step);
  const stored = (await shapeThere(client, owner, shape)) ?? (await makeLocked(client, owner, wanted));
  const adopted = await adopt(client, owner, { ...wanted, stored });
  await letReaderRead(client, view);
  if (shape.windows !== undefined) await letReaderReadColumn(client, state, WINDOW_END_COLUMN);
  await setStorage(client, state);
  const { rows } = await client.query<{ fingerprint: string }>(columnsFingerprint(client.escapeLiteral(state), []));
  const goneMillis = adopted.gone === undefined ? undefined : Date.parse(adopted.gone);
  return { ...tableAt(state, shape), goneMillis, fingerprint: rows[0]?.fingerprint ?? '' };
}

/** Makes schema, state and view in one transaction. One session at a time does so. Resolves to the state's shape. */
async function makeLocked(client: pg.ClientBase, owner: Owner, wanted: Wanted): Promise<StoredShape> {
  await client.query(`BEGIN; SELECT pg_advisory_xact_lock(${MAKING_LOCK})`);
  try {
    const stored = (await shapeThere(client, owner, wanted.shape)) ?? (await make(client, owner, wanted));
    await client.query('COMMIT');
    return stored;
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

/**
 * Resolves to the shape of the state when state and view are there. Throws a `UserMistake` when something else has
 * their name, or when the code cannot go on with the state.
 */
async function shapeThere(client: pg.ClientBase, { step }: Owner, shape: Shape): Promise<StoredShape | undefined> {
  const places = placesOf(step);
  const { view, state } = await notesOf(client, places);
  if (view !== null && view !== viewNote(step))
    throw new UserMistake(
      `${places.view} exists in the database and is not the view of table ${step}: rename it (alter table ${places.view} rename to …), or rename the table step in the pipeline`,
    );
  const stored = state === null ? undefined : readStateNote(step, state);
  if (state !== null && stored === undefined)
    throw new UserMistake(
      `${places.state} exists in the database and is not the state of table ${step}: rename it, or rename the table step in the pipeline`,
    );
  const change = stored && changeBetween(stored, shape);
  if (change?.kind === 'rebuild')
    throw new UserMistake(
      `the columns, the key or the state of table ${step} have changed since its state was made (${change.differences.join('; ')}): undo that, or start afresh: rename the table step in the pipeline, and drop ${places.view} and ${places.state} when nobody reads them any more; millrace sql plan says before a deployment what it changes`,
    );
  return view === null ? undefined : stored;
}

async function make(client: pg.ClientBase, owner: Owner, { shape, indexes }: Wanted): Promise<StoredShape> {
  const { step, formerly } = owner;
  const places = placesOf(step);
  const { schema, view, state } = await notesOf(client, places);
  // Others who are granted SELECT on the view need to look into its schema.
  if (!schema) await client.query(`CREATE SCHEMA ${places.schema}; GRANT USAGE ON SCHEMA ${places.schema} TO PUBLIC`);
  if (state === null && !(formerly !== undefined && (await takeOver(client, { step, formerly })))) {
    await refuseLostState(client, owner, places);
    await client.query(createState(tableAt(places.state, shape), shape.key));
    await createIndexes(client, { step, state: tableAt(places.state, shape), indexes });
    await setNote(client, places, stateNote(step, { ...shape, since: new Date().toISOString() }));
  }
  if (view === null && (await notesOf(client, places)).view === null) {
    await client.query(createView(places.view, tableAt(places.state, shape)));
    await client.query(`COMMENT ON VIEW ${places.view} IS ${client.escapeLiteral(viewNote(step))}`);
  }
  // Of a state that was taken over, only the owner has changed.
  const stored = await shapeThere(client, owner, shape);
  if (stored === undefined) throw new Error(`the state of table ${step} was dropped while it was made`);
  return stored;
}

/**
 * Makes the rows as the code does where other code made them. A process that has found them as its own code makes them
 * is of the earlier code, or the later one: it leaves that to the next attempt, which a deployment gives to its code.
 * Resolves to what the state's comment says from then on.
 */
async function adopt(
  client: pg.ClientBase,
  { step }: Owner,
  { shape, form, isKnown, stored }: Wanted & { readonly stored: StoredShape },
): Promise<StoredShape> {
  const places = placesOf(step);
  const { kind, isOfRows } = changeBetween(stored, shape);
  const isNoted = stored.times !== undefined || shape.times === undefined;
  if (kind !== 'transparent' && isNoted) return stored;
  const adopted = adoptedShape(stored, shape);
  if (!isOfRows || form === undefined) await setNote(client, places, stateNote(step, adopted));
  else if (isKnown) throw new Error(`other code has begun to make the rows of table ${step}: the next attempt goes on`);
  else await showAgain(client, { step, state: tableAt(places.state, shape), shape, form });
  return adopted;
}

async function setNote(client: pg.ClientBase, { state }: Places, note: string): Promise<void> {
  await client.query(`COMMENT ON TABLE ${state} IS ${client.escapeLiteral(note)}`);
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
