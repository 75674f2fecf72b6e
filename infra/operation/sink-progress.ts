import pg from 'pg';
import { openDatabase } from '../../functions/clients/postgres.ts';
import { openMarkPages, pagesWithRows } from '../../functions/runtime/checkpoints/mark-pages.ts';
import type { PagedStates } from '../../functions/runtime/checkpoints/shard-states.ts';
import { loadPages, loadProgress } from '../../functions/sinks/postgres/progress.ts';
import { connectors } from '../connectors.ts';
import type { ReaderPlan, SinkPlan, TablePlan } from '../pipelines/plan.ts';
import { checkpointsOf, type Target } from './target.ts';

/** A step's states, in the checkpoint table or in the sink's database. Dispose of it: it may hold a connection. */
export type StatesOfStep = PagedStates & AsyncDisposable;

/** A sink's database that does not answer from here: an isolated database answers only inside its network. */
export class ProgressOutOfReach extends Error {
  constructor(where: string, cause: unknown) {
    super(`its positions are in ${where}, which does not answer from here (${(cause as Error).message})`, { cause });
    this.name = 'ProgressOutOfReach';
  }
}

/**
 * Opens a step's states. Rejects with `ProgressOutOfReach` when they are in a database whose login cannot be
 * loaded; `load` rejects with it when the database does not answer.
 */
export async function openStates(step: ReaderPlan, target: Target, signal: AbortSignal): Promise<StatesOfStep> {
  const { load } = checkpointsOf(step, target);
  const { load: inTable } = openMarkPages(checkpointsOf(step, target));
  if (step.kind === 'transform' || (step.kind === 'sink' && connectors[step.connector].progress === 'checkpoint'))
    return { load, loadPages: inTable, [Symbol.asyncDispose]: async () => undefined };
  const { pipeline, name, formerly } = step;
  const owner = {
    step: `${pipeline}/${name}`,
    formerly: formerly === undefined ? undefined : `${pipeline}/${formerly}`,
  };
  const { ask, close } = await openQuestions(step, target, signal);
  return {
    load: (shard) => ask((client) => loadProgress(client, { ...owner, shard })),
    loadPages: pagesWithRows((shard) => ask((client) => loadPages(client, { ...owner, shard })), inTable),
    [Symbol.asyncDispose]: close,
  };
}

/** Asks the database where a step keeps its positions, and a sink its rows. */
export interface Questions {
  /** Rejects with `ProgressOutOfReach` when the database does not answer. */
  ask<Answer>(question: (client: pg.ClientBase) => Promise<Answer>): Promise<Answer>;
  close(): Promise<void>;
}

/** Targets whose own database did not answer from here: they are asked through their function from then on. */
const farTargets = new WeakSet<Target>();

/** Asks the database itself, or, when it does not answer from here, through the function inside its network. */
export async function openQuestions(step: ReaderPlan, target: Target, signal: AbortSignal): Promise<Questions> {
  const through = isInOwnDatabase(step) ? throughFunction(target, signal) : undefined;
  if (through !== undefined && farTargets.has(target)) return through;
  const server = await target.databaseOf(step as SinkPlan | TablePlan, signal).catch((error: unknown) => {
    if (through === undefined) throw new ProgressOutOfReach('a database', error);
    return undefined;
  });
  if (server === undefined) return through as Questions;
  const database = openDatabase(server, 'status');
  return {
    async ask(question) {
      try {
        return await database.use(withDeadline(signal), question);
      } catch (error) {
        signal.throwIfAborted();
        const where = `the database ${server.host}:${server.port}`;
        if (through === undefined) throw new ProgressOutOfReach(where, error);
        try {
          const answer = await through.ask(question);
          farTargets.add(target);
          return answer;
        } catch (instead) {
          throw new ProgressOutOfReach(where, new Error(`${(error as Error).message}; ${causeOf(instead)}`));
        }
      }
    },
    close: () => database.close(),
  };
}

function causeOf(error: unknown): string {
  const { message, cause } = error as Error;
  return cause instanceof Error ? cause.message : message;
}

/** Tables are in the stage's own database, and sinks that name no other one. */
function isInOwnDatabase({ kind, options }: ReaderPlan): boolean {
  return kind === 'table' || (kind === 'sink' && Object(options).database === undefined);
}

function throughFunction(target: Target, signal: AbortSignal): Questions {
  let previous: Promise<unknown> = Promise.resolve();
  const client = { query: (text: string, values: readonly string[] = []) => askWith(target, { text, values }, signal) };
  return {
    async ask(question) {
      // One at a time: the role has few connections.
      const turn = previous.then(() => question(client as unknown as pg.ClientBase));
      previous = turn.catch(() => undefined);
      try {
        return await turn;
      } catch (error) {
        signal.throwIfAborted();
        throw new ProgressOutOfReach('a database', error);
      }
    },
    close: async () => undefined,
  };
}

/** Runs a query with parameters as a question, and returns the rows as pg does. */
async function askWith(
  target: Target,
  { text, values }: { readonly text: string; readonly values: readonly string[] },
  signal: AbortSignal,
): Promise<{ readonly rows: readonly Readonly<Record<string, string | null>>[] }> {
  const statement = text.replaceAll(/\$(\d)/g, (_, digit: string) => pg.escapeLiteral(values[Number(digit) - 1] ?? ''));
  const question = { schema: 'public', statement, mostRows: 100_000, mostMillis: 10_000 };
  const reply = await target.ask(question, signal);
  if ('refusal' in reply) throw Object.assign(new Error(reply.refusal.message), { code: reply.refusal.code });
  if (reply.cut !== undefined) throw new Error('the answer of the database is too large');
  const { columns, rows } = reply;
  return {
    rows: rows.map((row) => Object.fromEntries(row.map((value, index) => [columns[index]?.name ?? '', value]))),
  };
}

/** A connection to an address without a route never fails by itself. */
const LONGEST_MILLIS = 4_000;

function withDeadline(signal: AbortSignal): AbortSignal {
  return AbortSignal.any([signal, AbortSignal.timeout(LONGEST_MILLIS)]);
}
