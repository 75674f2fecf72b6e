import pg from 'pg';
import { UserMistake } from '../../../functions/runtime/errors.ts';
import type { PipelinePlan } from '../../pipelines/plan.ts';
import type { Target } from '../target.ts';
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
      const figures = typeof found === 'string' ? { note: found } : (found.get(table) ?? { note: NOT_YET });
      const lags = steps.flatMap(({ pipeline, step, lagMillis }) =>
        pipeline === plan.name && step === table && lagMillis !== undefined ? [lagMillis] : [],
      );
      const lag = lags.length === 0 ? {} : { lagMillis: Math.max(...lags) };
      statuses.push({ pipeline: plan.name, table, ...figures, ...lag });
    }
  }
  return statuses;
}

const NOT_YET = 'it is not in the database yet: its step makes it when the first event arrives';

function asNote(error: Error): string {
  if (error instanceof UserMistake) return `its size is not known: ${error.message}`;
  throw error;
}

type Figures = Pick<TableStatus, 'rows' | 'bytes' | 'bloat'>;

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
    reply.rows.map(([name, live, dead, bytes]) => {
      const [rows, left] = [Number(live), Number(dead)];
      return [String(name), { rows, bytes: Number(bytes), bloat: left === 0 ? 0 : left / (rows + left) }];
    }),
  );
}

/** A view depends on the table, or tables, that hold its rows. Everybody may read these figures. */
function statementFor(schema: string, names: readonly string[]): string {
  const list = names.map((name) => pg.escapeLiteral(name)).join(', ');
  return `SELECT v.relname, sum(greatest(s.n_live_tup, c.reltuples, 0))::bigint, sum(s.n_dead_tup)::bigint,
         sum(pg_total_relation_size(c.oid))::bigint
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
