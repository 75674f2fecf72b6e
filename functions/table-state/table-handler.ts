import { z } from 'zod';
import { openDatabase } from '../clients/postgres.ts';
import { PostgresServer } from '../clients/postgres-login.ts';
import { UserMistake } from '../runtime/errors.ts';
import type { OpenSink, SinkDefinition } from '../runtime/sink.ts';
import { sinkHandler } from '../runtime/sink-handler.ts';
import type { Table } from '../runtime/table.ts';
import { commitAt, loadPages, loadProgress } from '../sinks/postgres/progress.ts';
import { indexBuilder } from './build-indexes.ts';
import { rowsIn } from './postgres-rows.ts';
import { reducePages } from './reduce.ts';
import { openState } from './state.ts';

const TableOptions = z
  .strictObject({
    /** Columns of the row, as indexes of the table. */
    indexes: z.array(z.array(z.string()).min(1)).optional(),
  })
  .optional();
type TableOptions = z.infer<typeof TableOptions>;

/** The Lambda handler of a table: `export const handler = tableHandler(basket)`. */
export function tableHandler(table: Table<never>): ReturnType<typeof sinkHandler> {
  return sinkHandler(tableDefinition(table));
}

/**
 * Keeps a table's rows in Postgres. To the runtime, a table step is a sink that keeps its own progress: rows, position
 * and marks are committed in one transaction, so each event counts once.
 */
export function tableDefinition(table: Table<never>): SinkDefinition<TableOptions, PostgresServer> {
  return {
    options: TableOptions,
    resources: PostgresServer,
    into: refuseReplay,
    doubles: () => true,
    open({ step, formerly, options, resources }): OpenSink {
      const database = openDatabase(resources, step);
      const indexes = options?.indexes ?? [];
      const build = indexBuilder(resources, { step, indexes });
      const state = openState(table, { step, formerly }, { indexes, build });
      return {
        write: ({ shard, pages, signal, progress }) =>
          database.use(signal, async (client) => {
            const into = await state.begin(client, shard);
            const rejections = await reducePages(rowsIn(client, into.state), table, pages);
            await commitAt(client, into.locked, progress(rejections));
            return rejections;
          }),
        loadProgress: (shard, signal) =>
          database.use(signal, async (client) => {
            await state.prepare(client);
            return loadProgress(client, { step, formerly, shard });
          }),
        loadPages: (shard, signal) => database.use(signal, (client) => loadPages(client, { step, formerly, shard })),
        isEmpty: async () => refuseReplay(),
      };
    },
  };
}

function refuseReplay(): never {
  throw new UserMistake('a table is not replayed: rename the table step in the pipeline to make a new table');
}
