import type pg from 'pg';
import { cutText } from '../runtime/cut-text.ts';
import { EventRejected, UserMistake } from '../runtime/errors.ts';
import { checkRowSize, type StateForm } from '../runtime/table.ts';
import type { StoredRow } from './fold.ts';
import { rowsIn } from './postgres-rows.ts';
import { readStateNote, type Shape, type StoredShape, stateNote } from './shape.ts';
import { FENCE_COLUMN, type StateTable, selectRowsAfter } from './statements.ts';

/** A table whose rows are made of its states in another way than before. */
export interface ShownTable {
  /** `<pipeline>/<step>` */
  readonly step: string;
  readonly state: StateTable;
  readonly shape: Shape;
  readonly form: Pick<StateForm, 'load' | 'rowOf'>;
}

/** So many rows are in memory at once, and change in one transaction. */
const PORTION_ROWS = 500;

/**
 * Makes every row of a table again of its state, portion by portion, before the step goes on. A process that ends
 * half-way leaves a note of how far it came, and the next one goes on there. One process of a table does this, and the
 * others wait for it.
 *
 * Processes of the earlier code commit nothing meanwhile: their next transaction finds that the state was altered. Do
 * not call this for a table with a change stream: its changes have to stand behind those that each shard has committed.
 */
export async function showAgain(client: pg.ClientBase, table: ShownTable): Promise<void> {
  await client.query(`SELECT pg_advisory_lock(${SHOWING_LOCK}, hashtext($1))`, [table.step]);
  try {
    const stored = await readNote(client, table);
    if (stored.shown === table.shape.shown) return;
    let after: string | undefined = await fence(client, table, stored);
    while (after !== undefined) after = await showPortion(client, { ...table, stored, after });
  } finally {
    await client.query(`SELECT pg_advisory_unlock(${SHOWING_LOCK}, hashtext($1))`, [table.step]).catch(() => undefined);
  }
}

/** An arbitrary number that other programs are unlikely to lock. */
const SHOWING_LOCK = 788_394_884;

async function readNote(client: pg.ClientBase, { step, state }: ShownTable): Promise<StoredShape> {
  const { rows } = await client.query<{ note: string }>(
    `SELECT coalesce(obj_description(to_regclass(${client.escapeLiteral(state.name)}), 'pg_class'), '') AS note`,
  );
  const stored = readStateNote(step, rows[0]?.note ?? '');
  if (stored === undefined) throw new Error(`the state of table ${step} was dropped or renamed at this moment`);
  return stored;
}

/**
 * Waits for open transactions on the state, and alters it so that no process that has prepared it before can commit.
 * Resolves to the id after which rows have to be made: what an earlier process has done stays.
 */
async function fence(client: pg.ClientBase, table: ShownTable, stored: StoredShape): Promise<string> {
  const { shape, state } = table;
  const { showing } = stored;
  const after = showing?.shown === shape.shown ? (showing?.after ?? '') : '';
  await client.query('BEGIN');
  try {
    await client.query(`SET LOCAL lock_timeout = '30s'; LOCK TABLE ${state.name} IN SHARE ROW EXCLUSIVE MODE;
      ALTER TABLE ${state.name} ALTER COLUMN ${FENCE_COLUMN} SET STATISTICS -1`);
    await note(client, { ...table, stored, after });
    await client.query('COMMIT');
    return after;
  } catch (error) {
    await client.query('ROLLBACK');
    throw error;
  }
}

interface Showing extends ShownTable {
  readonly stored: StoredShape;
  /** The rows up to this id are made. Undefined: all are. */
  readonly after: string | undefined;
}

/** Says in the state's comment how far the rows are made. Until all are, it has no `shown` that any code has. */
async function note(client: pg.ClientBase, { step, state, shape, stored, after }: Showing): Promise<void> {
  const { since, filled, corrects, asked } = stored;
  const showing = after === undefined ? {} : { shown: undefined, showing: { shown: shape.shown, after } };
  const text = stateNote(step, { ...shape, since, filled, corrects, asked, ...showing });
  await client.query(`COMMENT ON TABLE ${state.name} IS ${client.escapeLiteral(text)}`);
}

/** Makes the rows after an id. Resolves to the last of their ids; undefined when there are no more. */
async function showPortion(client: pg.ClientBase, showing: Showing): Promise<string | undefined> {
  const { state } = showing;
  await client.query('BEGIN');
  try {
    const { rows } = await client.query<StoredRow & { id: string; row: string | null }>(selectRowsAfter(state), [
      showing.after,
      PORTION_ROWS,
    ]);
    const before = new Map(rows.map(({ id, row, ...kept }) => [id, { ...kept, row: row ?? undefined }]));
    const after = new Map([...before].map(([id, kept]) => [id, { ...kept, row: madeRow(showing, id, kept.state) }]));
    const refusal = await rowsIn(client, state).write({ before, after });
    if (refusal !== undefined) throw cannotShow(showing, refusal.message);
    const last = rows.length < PORTION_ROWS ? undefined : rows.at(-1)?.id;
    await note(client, { ...showing, after: last });
    await client.query('COMMIT');
    return last;
  } catch (error) {
    await client.query('ROLLBACK');
    throw error;
  }
}

function madeRow(showing: ShownTable, id: string, state: string): string | undefined {
  const { form } = showing;
  try {
    const row = form.rowOf(form.load(state));
    if (row !== undefined) checkRowSize(Buffer.byteLength(row));
    return row;
  } catch (error) {
    if (!(error instanceof EventRejected)) throw error;
    throw cannotShow(showing, `${cutText(id, LONGEST_SHOWN)}: ${error.message}`);
  }
}

const LONGEST_SHOWN = 200;

function cannotShow({ step }: ShownTable, why: string): UserMistake {
  return new UserMistake(
    `the code of table ${step} makes its rows otherwise than before, and one cannot be made (${why}): change the code so that it makes a row of every state, or undo the change`,
  );
}
