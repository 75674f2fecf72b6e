import type pg from 'pg';
import { openDatabase } from '../../functions/clients/postgres.ts';
import { openMarkPages, pagesWithRows } from '../../functions/runtime/checkpoints/mark-pages.ts';
import type { PagedStates } from '../../functions/runtime/checkpoints/shard-states.ts';
import { loadPages, loadProgress } from '../../functions/sinks/postgres/progress.ts';
import { connectors } from '../connectors.ts';
import type { ReaderPlan } from '../pipelines/plan.ts';
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
  const server = await target.databaseOf(step, signal).catch((error) => {
    throw new ProgressOutOfReach('a database', error);
  });
  const database = openDatabase(server, 'status');
  const { pipeline, name, formerly } = step;
  const owner = {
    step: `${pipeline}/${name}`,
    formerly: formerly === undefined ? undefined : `${pipeline}/${formerly}`,
  };
  async function ask<Answer>(question: (client: pg.ClientBase) => Promise<Answer>): Promise<Answer> {
    try {
      return await database.use(withDeadline(signal), question);
    } catch (error) {
      signal.throwIfAborted();
      throw new ProgressOutOfReach(`the database ${server.host}:${server.port}`, error);
    }
  }
  return {
    load: (shard) => ask((client) => loadProgress(client, { ...owner, shard })),
    loadPages: pagesWithRows((shard) => ask((client) => loadPages(client, { ...owner, shard })), inTable),
    [Symbol.asyncDispose]: () => database.close(),
  };
}

/** A connection to an address without a route never fails by itself. */
const LONGEST_MILLIS = 4_000;

function withDeadline(signal: AbortSignal): AbortSignal {
  return AbortSignal.any([signal, AbortSignal.timeout(LONGEST_MILLIS)]);
}
