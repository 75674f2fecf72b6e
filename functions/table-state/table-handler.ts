import type pg from 'pg';
import { z } from 'zod';
import { openDatabase } from '../clients/postgres.ts';
import { PostgresServer } from '../clients/postgres-login.ts';
import { UserMistake } from '../runtime/errors.ts';
import type { OpenSink, SinkDefinition } from '../runtime/sink.ts';
import { sinkHandler } from '../runtime/sink-handler.ts';
import type { Table } from '../runtime/table.ts';
import { commitAt, loadPages, loadProgress } from '../sinks/postgres/progress.ts';
import { indexBuilder } from './build-indexes.ts';
import { openChanges, type SliceChanges } from './changes.ts';
import { openKeptRows } from './kept-rows.ts';
import { commitWithPage, loadWithPage } from './outbox.ts';
import { passedTick } from './pass-tick.ts';
import { rowsIn } from './postgres-rows.ts';
import { openPublished } from './published.ts';
import { openRedriveCheck, type RedriveCheck } from './redriven.ts';
import { hasRefused, noteRefused, ownShard } from './refused.ts';
import { reduceSlice } from './slice.ts';
import { type Begun, openState } from './state.ts';
import { type StateTable, selectOldestOpen } from './statements.ts';

const TableOptions = z
  .strictObject({
    /** Columns of the row, as indexes of the table. */
    indexes: z.array(z.array(z.string()).min(1)).optional(),
    /** Set for a table with a change stream: what that carries. */
    changes: z.strictObject({ before: z.boolean() }).optional(),
    /** Set where the module has several tables: which one this is. */
    part: z.string().optional(),
  })
  .optional();
export type TableOptions = z.infer<typeof TableOptions>;

/** The Lambda handler of a table: `export const handler = tableHandler(basket)`. */
export function tableHandler(table: Table<never>): ReturnType<typeof sinkHandler> {
  return sinkHandler(tableDefinition(table));
}

/**
 * The version of a table's state. It is in the source of the changes, as the hash of the code is for a transform:
 * changed code makes its changes of the same rows, so it goes on under the same name.
 */
const STATE_VERSION = '1';

/**
 * Keeps a table's rows in Postgres. To the runtime, a table step is a sink that keeps its own progress: rows, position
 * and marks are committed in one transaction, so each event counts once. With a change stream, that transaction also
 * keeps the changes of the rows until they are appended.
 */
export function tableDefinition(table: Table<never>): SinkDefinition<TableOptions, PostgresServer> {
  return {
    options: TableOptions,
    resources: PostgresServer,
    publishes: STATE_VERSION,
    into: refuseReplay,
    doubles: () => true,
    open({ step, formerly, options, resources }): OpenSink {
      const database = openDatabase(resources, step);
      const indexes = options?.indexes ?? [];
      const build = indexBuilder(resources, { step, indexes });
      const publishes = options?.changes !== undefined;
      const state = openState(table, { step, formerly }, { indexes, changes: options?.changes, build });
      const kept = openKeptRows();
      return {
        write: ({ shard, pages, time, from, signal, progress }) =>
          database.use(signal, async (client) => {
            const into = await state.begin(client, shard);
            const changes = into.isFilling ? undefined : changesOf(table, { step, options });
            const redriven = redriveCheckOf(client, into, { step, shard, table });
            const slice = { pages, time, from, changes, redriven };
            const keeping = keptSince(into.isFilling ? stateOnly(table) : table, into.state.goneMillis);
            const rows = kept.take(shard, into.state, into.locked.revision);
            const store = rowsIn(client, into.state, rows);
            const { rejections, upTo, passes, isMoreDue } = await reduceSlice(store, keeping, slice);
            const dueMillis = into.isFilling ? undefined : await oldestDue(client, into.state, table);
            const events = changes && [...changes.events(), ...passedTick(step, time, passes)];
            const moved = progress(rejections, { events: events ?? [], upTo, isMoreDue, dueMillis });
            const refused = { letters: moved.letters ?? [], taken: redriven?.taken(upTo) ?? [] };
            await noteRefused(client, { step, state: into.state.number, shard: ownShard(shard) }, refused);
            await (changes === undefined ? commitAt : commitWithPage)(client, into.locked, moved);
            kept.put(shard, into.state, { revision: moved.revision, rows });
            return rejections;
          }),
        loadProgress: (shard, signal) =>
          database.use(signal, async (client) => {
            await state.prepare(client);
            return (publishes ? loadWithPage : loadProgress)(client, { step, formerly, shard });
          }),
        loadPages: (shard, signal) => database.use(signal, (client) => loadPages(client, { step, formerly, shard })),
        rebuild: (signal) => state.rebuild(database.use, signal),
        again: (id, signal) => state.again(database.use, { id, signal }),
        isEmpty: async () => refuseReplay(),
      };
    },
  };
}

/** Returns a table that takes only the events of which its state is made: what the others publish is there already. */
export function stateOnly(table: Table<never>): Table<never> {
  const { makesState } = table;
  if (makesState === undefined) return table;
  return { ...table, read: (event) => (makesState(event) ? table.read(event) : []) };
}

/** Returns a table whose windows that ended at a time or earlier may be gone already. */
function keptSince(table: Table<never>, goneMillis: number | undefined): Table<never> {
  const { windows } = table;
  if (goneMillis === undefined || windows === undefined) return table;
  return { ...table, windows: { ...windows, goneMillis } };
}

/** Opens the check of redriven events. Undefined: the state was not made of the log, so nothing is to be asked. */
function redriveCheckOf(
  client: pg.ClientBase,
  { state: { number, filled }, isFilling }: Begun,
  of: { readonly step: string; readonly shard: string; readonly table: Table<never> },
): RedriveCheck | undefined {
  if (filled === undefined && !isFilling) return undefined;
  const { step, table } = of;
  const shard = ownShard(of.shard);
  return openRedriveCheck({
    shard,
    filled,
    isFilling,
    makesState: (event) => table.makesState?.(event) ?? true,
    has: (refused) => hasRefused(client, { step, state: number, shard }, refused),
  });
}

/** Finds out when the oldest window that is open had to close. Undefined: none is open, or they are not final. */
async function oldestDue(
  client: pg.ClientBase,
  state: StateTable,
  { windows }: Pick<Table<never>, 'windows'>,
): Promise<number | undefined> {
  if (windows?.emit !== 'final') return undefined;
  const { rows } = await client.query<{ end: string | null }>(selectOldestOpen(state));
  const end = rows[0]?.end ?? undefined;
  return end === undefined ? undefined : Number(end) + windows.gapMillis + windows.graceMillis;
}

/** Opens what a slice publishes. Undefined: the table has no change stream. */
export function changesOf(
  { key, publishesEvents = false }: Pick<Table<never>, 'key' | 'publishesEvents'>,
  { step, options }: { readonly step: string; readonly options: TableOptions },
  most?: number,
): SliceChanges | undefined {
  if (options?.changes === undefined) return undefined;
  if (publishesEvents) return openPublished(most);
  return openChanges({ table: step.slice(step.indexOf('/') + 1), key, before: options.changes.before }, most);
}

function refuseReplay(): never {
  throw new UserMistake('a table is not replayed: rename the table step in the pipeline to make a new table');
}
