import { createHash, randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { UserMistake } from '../../runtime/errors.ts';
import { parseLsn } from './lsn.ts';
import { acknowledgedBy, type ReadUpTo } from './position.ts';
import type { Replication } from './replication.ts';

/** Draws the name of a new slot, in which people recognize the step. */
export function slotNameFor(step: string): string {
  const readable = step.toLowerCase().replace(/[^a-z0-9]+/g, '_');
  return `${`millrace_${readable}`.slice(0, LONGEST_NAME - 9)}_${randomBytes(4).toString('hex')}`;
}

const LONGEST_NAME = 63;

/** The name under which our connection reads a slot: by it the next reader knows what it may end. */
export function connectionName(slot: string): string {
  return `millrace ${createHash('sha256').update(slot).digest('hex').slice(0, 8)} ${slot}`.slice(0, LONGEST_NAME);
}

interface Slot {
  readonly plugin: string;
  readonly database: string;
  readonly confirmed: string;
  /** `lost` when the server has removed log that the slot needs. */
  readonly status: string | null;
  readonly pid: number | null;
  /** The name of the connection that reads the slot. */
  readonly reader: string | null;
}

async function findSlot({ query }: Pick<Replication, 'query'>, slot: string): Promise<Slot | undefined> {
  const [row] = await query(
    `SELECT json_build_object('plugin', s.plugin, 'database', s.database, 'confirmed', s.confirmed_flush_lsn,
        'status', s.wal_status, 'pid', s.active_pid, 'reader', a.application_name) AS slot
       FROM pg_catalog.pg_replication_slots s LEFT JOIN pg_catalog.pg_stat_activity a ON a.pid = s.active_pid
      WHERE s.slot_name = ${pg.escapeLiteral(slot)}`,
  );
  return row === undefined ? undefined : (JSON.parse(row.slot ?? '{}') as Slot);
}

/** Makes the slot, unless an earlier run has. Resolves to the LSN at which it begins. */
export async function makeSlot(
  replication: Pick<Replication, 'query'>,
  { slot, version }: { readonly slot: string; readonly version: number },
): Promise<string> {
  const found = await findSlot(replication, slot);
  if (found !== undefined && found.status !== 'lost') return found.confirmed;
  const name = pg.escapeLiteral(slot);
  if (found !== undefined) await replication.query(`SELECT pg_drop_replication_slot(${name})`);
  // A standby that takes over goes on with the slot, from Postgres 17 on.
  const failover = version >= 170_000 ? ', failover => true' : '';
  const [made] = await replication
    .query(`SELECT lsn FROM pg_create_logical_replication_slot(${name}, 'pgoutput'${failover})`)
    .catch((error: unknown) => {
      throw error instanceof pg.DatabaseError && error.code === NO_ROOM ? noRoom(error) : error;
    });
  return made?.lsn ?? '';
}

/** All slots are taken (`configuration_limit_exceeded`). */
const NO_ROOM = '53400';

function noRoom({ message }: pg.DatabaseError): UserMistake {
  return new UserMistake(
    `the server has no room for another slot (${message}): drop one that nobody needs (select slot_name, active from pg_replication_slots), or raise max_replication_slots and restart the server`,
  );
}

/** How long the server may take to end a connection. */
const END_MILLIS = 10_000;
const LOOK_EVERY_MILLIS = 50;

/**
 * Makes the slot ready to be read on from a position: ends the connection that an earlier run of ours has left. Throws
 * a `UserMistake` when changes after the position are lost, or when somebody else reads the slot.
 */
export async function takeSlot(
  replication: Pick<Replication, 'query'>,
  { slot, read, signal }: { readonly slot: string; readonly read: ReadUpTo; readonly signal: AbortSignal },
): Promise<void> {
  const ours = acknowledgedBy(read);
  for (let waited = 0; ; waited += LOOK_EVERY_MILLIS) {
    const found = await findSlot(replication, slot);
    if (found === undefined)
      throw new UserMistake(`the slot ${slot} is gone, and with it all changes after ${ours}: ${WAY_ON}`);
    if (found.status === 'lost')
      throw new UserMistake(
        `the server has removed log that the slot ${slot} needed (max_slot_wal_keep_size), so changes after ${ours} are lost: ${WAY_ON}`,
      );
    if (parseLsn(found.confirmed) > parseLsn(ours))
      throw new UserMistake(
        `the slot ${slot} stands at ${found.confirmed}, and the step at ${ours}: somebody else has read the slot, or the step's positions are from a backup. The changes from ${ours} to ${found.confirmed} are lost: ${WAY_ON}`,
      );
    const { pid, reader } = found;
    if (pid === null) return;
    if (reader !== connectionName(slot))
      throw new UserMistake(
        `the slot ${slot} is in use by another program (pid ${pid}${reader ? `, '${reader}'` : ''}): end that program (select pg_terminate_backend(${pid}))`,
      );
    if (waited >= END_MILLIS) throw new Error(`the connection ${pid} still reads the slot ${slot}`);
    await replication.query(`SELECT pg_terminate_backend(${pid})`);
    await delay(LOOK_EVERY_MILLIS, undefined, { signal });
  }
}

export const WAY_ON = 'docs/databases.md#when-changes-are-lost says how to begin again';
