import pg from 'pg';
import { UserMistake } from '../../../functions/runtime/errors.ts';
import { readStateNote } from '../../../functions/table-state/shape.ts';
import { WINDOW_END_COLUMN } from '../../../functions/table-state/statements.ts';
import type { PipelinePlan } from '../../pipelines/plan.ts';
import type { Target } from '../target.ts';
import type { RebuildStatus } from './rebuild-status.ts';
import type { StepStatus } from './status.ts';

/** What a pipeline's table has in the database, and how far it is behind. */
export interface TableStatus {
  readonly pipeline: string;
  readonly table: string;
  /** An estimate: Postgres counts what it inserts and deletes. Rows that the view hides count too. */
  readonly rows?: number;
  /** With indexes, long values and what dead rows take. */
  readonly bytes?: number;
  /** The part of all versions of rows that no reader sees any more and no vacuum has taken: 0 to 1. */
  readonly bloat?: number;
  /** The longest that an event waits for the table, of all shards. */
  readonly lagMillis?: number;
  /**
   * Of a table that knows the time: the lowest watermark of its shards. Null: a shard has not seen a tick yet, and its
   * windows do not close. Each shard closes windows by its own.
   */
  readonly watermark?: string | null;
  /** How many windows of time have rows and have not closed; of sessions, how many ends they have. */
  readonly openWindows?: number;
  /** Counting stopped at its limit, so there are more. */
  readonly moreWindows?: true;
  /** Set while the table is being made again. */
  readonly rebuild?: RebuildStatus;
  readonly note?: string;
}

/**
 * Asks the database about the tables of pipelines. `steps` are the statuses of their steps. Where the database cannot
 * be asked, the note says why.
 */
export async function tableStatuses(
  plans: readonly Pick<PipelinePlan, 'name' | 'steps'>[],
  { target, steps }: { readonly target: Target; readonly steps: readonly StepStatus[] },
  signal: AbortSignal,
): Promise<readonly TableStatus[]> {
  const statuses: TableStatus[] = [];
  for (const plan of plans) {
    const names = plan.steps.filter(({ kind }) => kind === 'table').map(({ name }) => name);
    if (names.length === 0) continue;
    const found = await figuresOf(plan.name, names, { target, signal }).catch(asNote);
    for (const table of names) {
      const shards = steps.filter(({ pipeline, step }) => pipeline === plan.name && step === table);
      const figures = typeof found === 'string' ? { note: found } : found.get(table);
      const lags = shards.flatMap(({ lagMillis }) => lagMillis ?? []);
      const watermark = lowestOf(shards);
      const rebuild = shards.find((shard) => shard.rebuild !== undefined)?.rebuild;
      statuses.push({
        pipeline: plan.name,
        table,
        ...(figures === undefined ? { note: NOT_YET } : shownOf(figures)),
        ...(lags.length === 0 ? {} : { lagMillis: Math.max(...lags) }),
        ...(watermark === undefined ? {} : { watermark }),
        ...(rebuild === undefined ? {} : { rebuild }),
        ...(await windowsOf({ schema: plan.name, table, figures, watermark }, target, signal).catch(asWindowsNote)),
      });
    }
  }
  return statuses;
}

const NOT_YET = 'it is not in the database yet: its step makes it when the first event arrives';

function asNote(error: Error): string {
  if (error instanceof UserMistake) return `its size is not known: ${error.message}`;
  throw error;
}

/** A comment that somebody has changed stops the step, and not the status of the others. */
function asWindowsNote(error: Error): Pick<TableStatus, 'note'> {
  if (error instanceof UserMistake) return { note: error.message };
  throw error;
}

/** What the database says of a table. `state` names what holds its rows, with the comment of that. */
type Figures = Pick<TableStatus, 'rows' | 'bytes' | 'bloat' | 'note'> & {
  readonly state?: { readonly name: string; readonly note: string };
};

function shownOf({ state: _, ...shown }: Figures): Omit<Figures, 'state'> {
  return shown;
}

/** Finds the lowest watermark of shards that have not ended. Undefined: none of them knows the time. */
function lowestOf(shards: readonly StepStatus[]): string | null | undefined {
  const known = shards.flatMap(({ state, watermark }) =>
    state === 'ended' || watermark === undefined ? [] : [watermark],
  );
  return known.includes(null) ? null : known.sort()[0];
}

const LONGEST_MILLIS = 10_000;

async function figuresOf(
  schema: string,
  names: readonly string[],
  { target, signal }: { readonly target: Target; readonly signal: AbortSignal },
): Promise<ReadonlyMap<string, Figures>> {
  const question = { schema, statement: statementFor(schema, names), mostRows: 10_000, mostMillis: LONGEST_MILLIS };
  const reply = await target.ask(question, signal);
  if ('refusal' in reply) throw new UserMistake(reply.refusal.message);
  return new Map(
    reply.rows.map(([name, live, dead, bytes, relation, note]) => {
      const [rows, left] = [Number(live), Number(dead)];
      const state = relation && note ? { state: { name: relation, note } } : {};
      return [String(name), { rows, bytes: Number(bytes), bloat: left === 0 ? 0 : left / (rows + left), ...state }];
    }),
  );
}

/** A view depends on the table, or tables, that hold its rows. Everybody may read these figures. */
function statementFor(schema: string, names: readonly string[]): string {
  const list = names.map((name) => pg.escapeLiteral(name)).join(', ');
  return `SELECT v.relname, sum(greatest(s.n_live_tup, c.reltuples, 0))::bigint, sum(s.n_dead_tup)::bigint,
         sum(pg_total_relation_size(c.oid))::bigint,
         max(c.relname), max(obj_description(c.oid, 'pg_class'))
    FROM pg_catalog.pg_class v
    JOIN pg_catalog.pg_namespace n ON n.oid = v.relnamespace
    JOIN (SELECT DISTINCT r.ev_class, d.refobjid
            FROM pg_catalog.pg_rewrite r
            JOIN pg_catalog.pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = r.oid
           WHERE d.refclassid = 'pg_class'::regclass AND d.refobjid <> r.ev_class) AS uses ON uses.ev_class = v.oid
    JOIN pg_catalog.pg_class c ON c.oid = uses.refobjid
    JOIN pg_catalog.pg_stat_all_tables s ON s.relid = c.oid
   WHERE n.nspname = ${pg.escapeLiteral(schema)} AND v.relname IN (${list}) AND v.relkind = 'v'
   GROUP BY v.relname`;
}

/** Of more windows than this, an operator wants to know no number. */
const MOST_WINDOWS = 1_000;

/**
 * Counts the windows that have rows and have not closed at the watermark. Without one, none has closed. Looks from end
 * to end in the index, so that a window of many rows costs no more than one of few.
 */
async function windowsOf(
  of: {
    readonly schema: string;
    readonly table: string;
    readonly figures: Figures | undefined;
    readonly watermark: string | null | undefined;
  },
  target: Target,
  signal: AbortSignal,
): Promise<Pick<TableStatus, 'openWindows' | 'moreWindows' | 'note'>> {
  const { schema, table, figures, watermark } = of;
  const times = figures?.state && readStateNote(`${schema}/${table}`, figures.state.note)?.times;
  if (figures?.state === undefined || times === undefined || watermark === undefined) return {};
  const closed = watermark === null ? undefined : Date.parse(watermark) - times.takes;
  const [end, state] = [WINDOW_END_COLUMN, figures.state.name].map((name) => pg.escapeIdentifier(name));
  const statement = `WITH RECURSIVE ends (at) AS (
      (SELECT min(${end}) FROM ${state}${closed === undefined ? '' : ` WHERE ${end} > ${closed}`})
       UNION ALL SELECT (SELECT min(${end}) FROM ${state} WHERE ${end} > ends.at) FROM ends WHERE ends.at IS NOT NULL)
    SELECT count(at) FROM (SELECT at FROM ends LIMIT ${MOST_WINDOWS + 1}) AS counted`;
  const reply = await target.ask({ schema, statement, mostRows: 1, mostMillis: LONGEST_MILLIS }, signal);
  if ('refusal' in reply) return { note: `its open windows are not known: ${reply.refusal.message}` };
  const count = Number(reply.rows[0]?.[0]);
  return count > MOST_WINDOWS ? { openWindows: MOST_WINDOWS, moreWindows: true } : { openWindows: count };
}
