import type pg from 'pg';
import { UserMistake } from '../runtime/errors.ts';
import type { StateForm } from '../runtime/table.ts';
import { quoted } from '../sinks/postgres/names.ts';
import { letReaderRead, letReaderReadColumns } from '../sinks/postgres/readable.ts';
import { columnsFingerprint, makeProgressTable, refuseOtherEncodings } from '../sinks/postgres/table.ts';
import { createIndexes, type Index, renameIndexes } from './indexes.ts';
import { type Found, find, type NumberedState, placesOf, setNote, viewNote } from './places.ts';
import { forgetFilling, takeOverRefused } from './refused.ts';
import { adoptedShape, changeBetween, type Shape, type StoredShape, stateNote, WAITING } from './shape.ts';
import { showAgain } from './show-again.ts';
import { createState, createView, type StateTable, WINDOW_END_COLUMN } from './statements.ts';
import { setStorage } from './storage.ts';

/** A state table that is there. Its fingerprint changes when somebody alters it. */
export interface Prepared extends StateTable {
  readonly number: number;
  readonly fingerprint: string;
  /** Rows of windows that ended by then may be gone, in milliseconds since 1970. Undefined: the retention says it. */
  readonly goneMillis: number | undefined;
  /** Set where the state was made of the log: by shard, the position up to which. */
  readonly filled?: Readonly<Record<string, string>> | undefined;
}

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

/** The state that the table shows is of other code: it has to be made again, before a batch is reduced. */
export class OtherState extends Error {
  readonly shown: NumberedState;
  readonly differences: readonly string[];
  /** True when the code is the same, and an operator has asked. */
  readonly isAsked: boolean;

  constructor(step: string, shown: NumberedState, differences: readonly string[]) {
    super(
      differences.length === 0
        ? `the table ${step} is being made again, as an operator has asked`
        : `the columns, the key or the state of table ${step} have changed since its state was made (${differences.join('; ')})`,
    );
    this.isAsked = differences.length === 0;
    this.name = 'OtherState';
    this.shown = shown;
    this.differences = differences;
  }
}

export const tableAt = (name: string, { columns, state, windows }: Shape): StateTable => ({
  name,
  columns,
  hasState: state !== undefined && windows !== WAITING,
  hasWindows: windows !== undefined,
  isWaiting: windows === WAITING,
});

/**
 * Makes what is missing in the database. Throws `OtherState` when the code cannot go on with the state, and a
 * `UserMistake` for what an operator has to mend.
 */
export async function makeTable(client: pg.ClientBase, owner: Owner, wanted: Wanted): Promise<Prepared> {
  await refuseOtherEncodings(client);
  await makeProgressTable(client);
  const { step } = owner;
  const { shape } = wanted;
  const shown = fitting(step, await find(client, step), shape) ?? (await makeLocked(client, owner, wanted));
  const stored = await adopt(client, owner, { ...wanted, shown });
  await letReaderRead(client, placesOf(step).view);
  const state = placesOf(step).state(shown.number);
  if (shape.windows !== undefined) await letReaderReadColumns(client, state, [WINDOW_END_COLUMN]);
  await setStorage(client, state);
  return prepared(client, tableAt(state, shape), { ...shown, stored });
}

/** Reads the fingerprint of a state. */
export async function prepared(
  client: pg.ClientBase,
  table: StateTable,
  { number, stored: { filled, gone } }: NumberedState,
): Promise<Prepared> {
  const { rows } = await client.query<{ fingerprint: string }>(
    columnsFingerprint(client.escapeLiteral(table.name), []),
  );
  const goneMillis = gone === undefined ? undefined : Date.parse(gone);
  return { ...table, number, filled, goneMillis, fingerprint: rows[0]?.fingerprint ?? '' };
}

/** Makes schema, state and view in one transaction. One session at a time does so. Resolves to the state. */
async function makeLocked(client: pg.ClientBase, owner: Owner, wanted: Wanted): Promise<NumberedState> {
  const { step } = owner;
  await client.query(`BEGIN; ${LOCK_MAKING}`);
  try {
    const shown = fitting(step, await find(client, step), wanted.shape) ?? (await make(client, owner, wanted));
    await client.query('COMMIT');
    refuseOther(step, shown, wanted.shape);
    return shown;
  } catch (error) {
    await client.query('ROLLBACK');
    throw (error as pg.DatabaseError).code === NO_RIGHT ? await missingRight(client, owner, error as Error) : error;
  }
}

/** An arbitrary number that other programs are unlikely to lock. */
const MAKING_LOCK = '7883948836411040103';
/** Waits until no other session makes or replaces a table, until the end of the transaction. */
export const LOCK_MAKING = `SELECT pg_advisory_xact_lock(${MAKING_LOCK})`;
const NO_RIGHT = '42501';

/**
 * Returns the state when state and view are there. Throws `OtherState` when the code cannot go on with it.
 */
function fitting(step: string, { shown, hasView }: Found, shape: Shape): NumberedState | undefined {
  if (shown === undefined) return undefined;
  refuseOther(step, shown, shape);
  return hasView ? shown : undefined;
}

function refuseOther(step: string, shown: NumberedState, shape: Shape): void {
  const { kind, differences } = changeBetween(shown.stored, shape);
  if (kind === 'rebuild') throw new OtherState(step, shown, differences);
  if (shown.stored.again === true) throw new OtherState(step, shown, []);
}

async function make(client: pg.ClientBase, owner: Owner, { shape, indexes }: Wanted): Promise<NumberedState> {
  const { step, formerly } = owner;
  const places = placesOf(step);
  const before = await find(client, step);
  // Others who are granted SELECT on the view need to look into its schema.
  if (!before.hasSchema)
    await client.query(`CREATE SCHEMA ${places.schema}; GRANT USAGE ON SCHEMA ${places.schema} TO PUBLIC`);
  if (before.shown === undefined && !(formerly !== undefined && (await takeOver(client, { step, formerly })))) {
    await refuseLostState(client, owner, places.state(1));
    const number = before.highest + 1;
    const state = tableAt(places.state(number), shape);
    await client.query(createState(state, shape.key));
    await createIndexes(client, { step, state, indexes });
    await setNote(client, state.name, stateNote(step, { ...shape, since: new Date().toISOString() }));
  }
  const { shown, hasView } = await find(client, step);
  if (shown === undefined) throw new Error(`the state of table ${step} was dropped while it was made`);
  // Of a state that was taken over, only the owner has changed: the view is of its own columns, not of the code's.
  if (!hasView) await makeView(client, step, tableAt(places.state(shown.number), shown.stored));
  return shown;
}

/** Makes the view of a state that the table shows from now on. */
export async function makeView(client: pg.ClientBase, step: string, state: StateTable): Promise<void> {
  const { view } = placesOf(step);
  await client.query(createView(view, state));
  await client.query(`COMMENT ON VIEW ${view} IS ${client.escapeLiteral(viewNote(step))}`);
}

/**
 * Makes the rows as the code does where other code made them. A process that has found them as its own code makes them
 * is of the earlier code, or the later one: it leaves that to the next attempt, which a deployment gives to its code.
 * Resolves to what the state's comment says from then on.
 */
async function adopt(
  client: pg.ClientBase,
  { step }: Owner,
  { shape, form, isKnown, shown: { number, stored } }: Wanted & { readonly shown: NumberedState },
): Promise<StoredShape> {
  const state = placesOf(step).state(number);
  const { kind, isOfRows } = changeBetween(stored, shape);
  const isNoted =
    shape.times === undefined ||
    (stored.times !== undefined && (stored.times.size !== undefined || shape.times.size === undefined));
  if (kind !== 'transparent' && isNoted) return stored;
  const adopted = adoptedShape(stored, shape);
  if (!isOfRows || form === undefined) await setNote(client, state, stateNote(step, adopted));
  else if (isKnown) throw new Error(`other code has begun to make the rows of table ${step}: the next attempt goes on`);
  else await showAgain(client, { step, state: tableAt(state, shape), shape, form });
  return adopted;
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
  const former = await findOfFormer(client, formerly);
  if (former?.shown === undefined) return false;
  const { number, stored } = former.shown;
  const nameOf = (place: string): string => place.slice(place.indexOf('.') + 1);
  await client.query(`ALTER TABLE ${from.state(number)} RENAME TO ${nameOf(to.state(number))}`);
  await setNote(client, to.state(number), stateNote(step, stored));
  if (former.hasView)
    await client.query(`ALTER VIEW ${from.view} RENAME TO ${nameOf(to.view)};
      COMMENT ON VIEW ${to.view} IS ${client.escapeLiteral(viewNote(step))}`);
  await renameIndexes(client, step, to.state(number));
  await takeOverRefused(client, { step, formerly });
  // What was being made for the former name is begun again.
  for (const { number: unfinished } of former.filling) await forgetFilling(client, formerly, unfinished);
  return true;
}

/** Finds what the former name has left. Somebody else may have a table or view of that name by now. */
async function findOfFormer(client: pg.ClientBase, formerly: string): Promise<Found | undefined> {
  try {
    return await find(client, formerly);
  } catch (error) {
    if (error instanceof UserMistake) return undefined;
    throw error;
  }
}

/** An empty state for a step that has read its stream would be a wrong table. */
async function refuseLostState(client: pg.ClientBase, { step, formerly }: Owner, state: string): Promise<void> {
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
  const { hasSchema } = await find(client, step);
  const { rows } = await client.query<{ database: string; who: string }>(
    'SELECT current_database() AS database, current_user AS who',
  );
  const [{ database, who } = { database: '', who: '' }] = rows;
  const what = hasSchema ? `USAGE, CREATE ON SCHEMA ${places.schema}` : `CREATE ON DATABASE ${quoted(database)}`;
  return new UserMistake(
    `cannot make the table ${step}: ${error.message}: GRANT ${what} TO ${quoted(who)}; for the stage's own database, millrace database init grants it`,
  );
}
