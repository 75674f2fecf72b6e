import pg from 'pg';
import { UserMistake } from '../../functions/runtime/errors.ts';
import type { Table } from '../../functions/runtime/table.ts';
import { stateNameOf } from '../../functions/table-state/places.ts';
import { changeBetween, readStateNote, type StoredShape, shapeOf } from '../../functions/table-state/shape.ts';
import { showsAgain, whyNotMadeAgain } from '../../functions/table-state/state.ts';
import type { TablePlan } from '../pipelines/plan.ts';
import { type LogReach, logReach } from './log-reach.ts';
import { TABLE_OF_STATE } from './state-names.ts';
import type { Target } from './target.ts';

/** What deploying the code does to a table of a stage. */
export interface TableChange {
  readonly pipeline: string;
  readonly table: string;
  /**
   * `new`: the stage has no such table. `none` and `transparent`: its state goes on. `rebuild`: its state has to be
   * made again from the log, or from the archive of its stream, which has all of its events: the step does so.
   * `impossible`: they have them no more, so the step stops. `taken`: something else has its name.
   */
  readonly change: 'new' | 'none' | 'transparent' | 'rebuild' | 'impossible' | 'taken';
  /** What differs, as clauses: `WHERE was n > 1 and is n > 2`. */
  readonly differences: readonly string[];
  /**
   * Of a transparent change: whether all rows are made again at once, or each with its next event, or stay as they are,
   * because only the times of windows change.
   */
  readonly rows?: 'at once' | 'by event' | 'as they are';
  /** Of a state that cannot go on: why the step stops in place of making the table again. */
  readonly stops?: string;
  /** Set for the step of a join. */
  readonly isJoin?: true;
  /** Of a state that cannot go on: how far back the log of its stream reaches. */
  readonly log?: LogReach;
}

/** A table step and its code. */
export interface PlannedTable {
  readonly plan: TablePlan;
  readonly table: Table;
}

/**
 * Compares the code of a pipeline's tables with what the stage has. What counts is the shape that stands beside each
 * state in the database, not what was deployed.
 */
export async function tableChanges(
  tables: readonly PlannedTable[],
  target: Target,
  signal: AbortSignal,
): Promise<readonly TableChange[]> {
  const changes: TableChange[] = [];
  for (const table of tables) changes.push(await changeOf(table, target, signal));
  return changes;
}

async function changeOf({ plan, table }: PlannedTable, target: Target, signal: AbortSignal): Promise<TableChange> {
  const { pipeline, name } = plan;
  const found = await storedShape(plan, target, signal);
  const of = { pipeline, table: name, differences: [] };
  if (typeof found === 'string') return { ...of, change: found };
  const { kind, isOfRows, differences } = changeBetween(found, shapeOf(table));
  if (kind === 'transparent') {
    const made = showsAgain(table, { publishes: 'output' in plan }) ? 'at once' : 'by event';
    return { ...of, change: kind, differences, rows: isOfRows ? made : 'as they are' };
  }
  if (kind === 'none') return { ...of, change: kind, differences };
  const log = await logReach(plan, { since: found.since, target, signal });
  const stops = whyNotMadeAgain(table, found);
  const stopping = stops === undefined ? {} : { stops };
  const { publishesEvents, isMadeOnce, isOfColumns, within } = table;
  const isJoin =
    publishesEvents === true ||
    isMadeOnce === true ||
    within !== undefined ||
    (isOfColumns === true && stops !== undefined);
  const change = log.isWhole ? 'rebuild' : 'impossible';
  return { ...of, change, differences, log, ...stopping, ...(isJoin ? { isJoin } : {}) };
}

const LONGEST_MILLIS = 10_000;

/** Reads the shape of a state, or of the one that the step takes over from its former name. */
async function storedShape(
  { pipeline, name, formerly }: TablePlan,
  target: Target,
  signal: AbortSignal,
): Promise<StoredShape | 'new' | 'taken'> {
  const names = formerly === undefined ? [name] : [name, formerly];
  const literals = names.map((each) => pg.escapeLiteral(each));
  const statement = `SELECT ${TABLE_OF_STATE}, c.relname, coalesce(obj_description(c.oid, 'pg_class'), '')
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
   WHERE n.nspname = ${pg.escapeLiteral(pipeline)} AND ${TABLE_OF_STATE} IN (${literals.join(', ')})`;
  const question = { schema: pipeline, statement, mostRows: MOST_STATES, mostMillis: LONGEST_MILLIS };
  const reply = await target.ask(question, signal);
  if ('refusal' in reply) throw new UserMistake(`the database does not say what it has: ${reply.refusal.message}`);
  const shownOf = (table: string): StoredShape | undefined =>
    reply.rows
      .filter(([of]) => of === table)
      .flatMap(([, , note]) => readStateNote(`${pipeline}/${table}`, note ?? '') ?? [])
      .find(({ fills, replaced }) => fills !== true && replaced !== true);
  const own = shownOf(name);
  if (own !== undefined) return own;
  if (reply.rows.some(([, relation]) => relation === stateNameOf(name))) return 'taken';
  return (formerly === undefined ? undefined : shownOf(formerly)) ?? 'new';
}

/** A table has one state, and a second one while it is made again. */
const MOST_STATES = 100;
