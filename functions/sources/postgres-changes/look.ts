import { openDatabase } from '../../clients/postgres.ts';
import type { PulledLook } from '../../runtime/source.ts';
import type { Changes } from './changes.ts';
import { keptLog, retainedFor, type Since } from './kept-log.ts';
import { parseLsn } from './lsn.ts';
import { noteOf } from './note.ts';
import type { ChangesPosition } from './position.ts';
import { progressOf } from './snapshot-progress.ts';

/** Finds out what the server keeps while the source stands still. Since its last transaction, the server keeps all. */
export async function lookAtSlot(
  changes: Pick<Changes, 'step' | 'server'>,
  { slot, read, snapshot, leftOut = [] }: ChangesPosition,
  signal: AbortSignal,
): Promise<PulledLook> {
  const database = openDatabase(changes.server, changes.step);
  try {
    const retained = await database.use(signal, (client) =>
      retainedFor(async (text) => (await client.query<Record<string, unknown>>(text)).rows[0], slot),
    );
    if (retained === undefined) return { note: `the server has no slot ${slot}` };
    const kept = keptLog(retained, sinceOf(read?.last));
    const progress = snapshot && progressOf(snapshot.left, ASLEEP);
    const note = noteOf({ snapshot: progress, leftOut, kept });
    return { kept, ...(note === undefined ? {} : { note }) };
  } finally {
    await database.close();
  }
}

/** Nothing is read meanwhile, and nobody has asked the server how many rows there are. */
const ASLEEP = { rowsOf: () => undefined, isPaused: true, most: 4, speed: { rows: 0, millis: 0 } };

/** 2000-01-01, in milliseconds since 1970. */
const POSTGRES_EPOCH_MILLIS = Date.UTC(2000, 0, 1);

function sinceOf(last: { readonly lsn: string; readonly micros: string } | undefined): Since | undefined {
  if (last === undefined) return undefined;
  return { end: parseLsn(last.lsn), atMillis: Number(BigInt(last.micros) / 1000n) + POSTGRES_EPOCH_MILLIS };
}
