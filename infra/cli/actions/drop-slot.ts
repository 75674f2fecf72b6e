import pg from 'pg';
import { UserMistake } from '../../../functions/runtime/errors.ts';
import type { Ask } from '../target/given-database.ts';

export interface SlotToDrop {
  readonly slot: string;
  /** How much of the log the server keeps for it. */
  readonly kept: string;
  /** Where its reader stands. */
  readonly confirmed: string;
}

/** Finds a slot that nobody reads. Throws a `UserMistake` when there is none, or when it is in use. */
export async function findSlotToDrop(ask: Ask, slot: string): Promise<SlotToDrop> {
  const rows = await ask(`SELECT slot_name, active_pid, confirmed_flush_lsn,
      pg_size_pretty(pg_current_wal_lsn() - restart_lsn) AS kept FROM pg_catalog.pg_replication_slots ORDER BY slot_name`);
  const found = rows.find(({ slot_name }) => slot_name === slot);
  if (found === undefined) {
    const ours = rows.flatMap(({ slot_name }) => (slot_name?.startsWith('millrace_') ? [slot_name] : []));
    throw new UserMistake(
      `the server has no slot '${slot}'; ${ours.length === 0 ? 'none of its slots begins with millrace_' : `use one of ${ours.join(', ')}`}`,
    );
  }
  if (found.active_pid != null)
    throw new UserMistake(
      `the slot ${slot} is in use (pid ${found.active_pid}): remove or pause the step that reads it, and run the command again`,
    );
  return {
    slot,
    kept: found.kept ?? 'an unknown part of its log',
    confirmed: found.confirmed_flush_lsn ?? 'its start',
  };
}

export async function dropSlot(ask: Ask, { slot }: SlotToDrop): Promise<void> {
  await ask(`SELECT pg_drop_replication_slot(${pg.escapeLiteral(slot)})`);
}
