import { openDatabase } from '../../clients/postgres.ts';
import type { CatalogueType } from '../../clients/postgres-types.ts';
import type { PullTurn } from '../../runtime/source.ts';
import type { Changes } from './changes.ts';
import { chunkPages, type Page } from './chunk-pages.ts';
import { parseLsn } from './lsn.ts';
import { acknowledgedBy, type ChangesPosition, type ReadUpTo } from './position.ts';
import { prepare } from './prepare.ts';
import { readPages } from './read-pages.ts';
import { UnknownType } from './relations.ts';
import { connectReplication } from './replication.ts';
import { connectionName, makeSlot, slotNameFor, takeSlot } from './slot.ts';
import { identify, onThisServer } from './timeline.ts';

/** The rows of so many tables are read at once, each over a connection of its own. */
const LANES = 4;

/**
 * Yields the changes of tables in the order of their commits, from a position on, until `ending` aborts. The runtime
 * asks for the next page once the last one is in the stream and its position is stored, and only then the server is
 * told that it may forget it.
 */
export async function* readChanges(
  changes: Changes,
  from: ChangesPosition | undefined,
  turn: PullTurn,
): AsyncGenerator<Page> {
  let position: ChangesPosition = from ?? { slot: slotNameFor(changes.step) };
  // The name has to be stored before the slot is made: nobody could find a slot again whose name is lost.
  if (from === undefined) yield emptyPage(position);
  // A run died while it appended these rows.
  for (const page of chunkPages(position, turn)) {
    yield page;
    position = page.position;
  }
  /** Types that the catalogue does not have any more. */
  const gone = new Map<number, CatalogueType>();
  while (!turn.ending.aborted) {
    const { slot } = position;
    const replication = await connectReplication(changes.server, { name: connectionName(slot), signal: turn.signal });
    const database = openDatabase(changes.server, changes.step);
    const lanes = Array.from({ length: LANES }, () => openDatabase(changes.server, changes.step));
    try {
      const { following, tables, version } = await prepare(replication, changes, gone);
      if (position.read === undefined) {
        const start = await makeSlot(replication, { slot, version });
        position = { slot, read: { ...(await identify(replication)), start } };
        position = withTables(position, { changes, names: [...tables.keys()] });
        yield emptyPage(position);
        if (turn.ending.aborted) return;
      }
      position = withTables(position, { changes, names: [...tables.keys()] });
      const read = await onThisServer(replication, position.read as ReadUpTo);
      await takeSlot(replication, { slot, read, signal: turn.signal });
      const lsn = parseLsn(acknowledgedBy(read));
      const log = await replication.start({ slot, publication: changes.publication, lsn });
      const reading = { following, tables, log, database, lanes, isPaused: changes.snapshot === 'paused' };
      for await (const page of readPages({ ...reading, from: { ...position, read } }, turn)) {
        yield page;
        position = page.position;
        log.acknowledge(parseLsn(acknowledgedBy(position.read as ReadUpTo)));
      }
    } catch (error) {
      // What was decoded and not yielded is read once more, with the new type.
      if (!(error instanceof UnknownType) || gone.has(error.oid)) throw error;
      gone.set(error.oid, { name: 'unknown', base: null, element: null });
    } finally {
      replication.close();
      await Promise.all([database, ...lanes].map((one) => one.close()));
    }
  }
}

function emptyPage(position: ChangesPosition): Page {
  return { events: [], rejections: [], position };
}

/**
 * Notes the tables. One that was not followed before gets a snapshot of its own. Rows are read in the order of `names`.
 */
function withTables(
  position: ChangesPosition,
  { changes, names }: { readonly changes: Changes; readonly names: readonly string[] },
): ChangesPosition {
  const added = names.filter((name) => position.tables?.includes(name) !== true);
  const tables = [...(position.tables ?? []), ...added];
  const isWanted = changes.snapshot !== 'none' && added.length > 0;
  if (position.snapshot === undefined && !isWanted) return { ...position, tables };
  const { left, passed } = position.snapshot ?? { left: [], passed: [] };
  const more = isWanted ? added.map((table) => ({ table, rows: 0 })) : [];
  const inOrder = [...left, ...more].toSorted((one, other) => names.indexOf(one.table) - names.indexOf(other.table));
  return { ...position, tables, snapshot: { left: inOrder, passed } };
}
