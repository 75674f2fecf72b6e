import { readdirSync, readFileSync } from 'node:fs';
import type pg from 'pg';

/** The CPU seconds of some work, in this process and in the processes of a server. */
export interface Spent {
  readonly own: number;
  readonly server: number;
}

export const totalOf = ({ own, server }: Spent): number => own + server;

/**
 * Returns a function that runs some work and resolves to the CPU seconds that it took, those of the server included.
 */
export async function cpuMeter(client: pg.Client): Promise<(work: () => Promise<unknown>) => Promise<Spent>> {
  const { rows } = await client.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
  const server = familyOf(parentOf(rows[0]?.pid ?? 0));
  return async (work) => {
    const before = { own: process.cpuUsage(), server: server() };
    await work();
    const { user, system } = process.cpuUsage(before.own);
    return { own: (user + system) / 1e6, server: server() - before.server };
  };
}

/** Returns the CPU seconds of all rounds, as if each had taken what the one in the middle took. */
export function typical(rounds: readonly Spent[]): Spent {
  const sorted = rounds.toSorted((a, b) => totalOf(a) - totalOf(b));
  const { own, server } = sorted[sorted.length >> 1] ?? { own: Number.NaN, server: Number.NaN };
  return { own: own * rounds.length, server: server * rounds.length };
}

/** Returns a function that adds up the CPU seconds of a process and of all that it has started, ended ones included. */
function familyOf(postmaster: number): () => number {
  const ticksOf = (pid: number): number => {
    const fields = statOf(pid);
    return [11, 12, 13, 14].reduce((sum, index) => sum + Number(fields[index] ?? 0), 0);
  };
  return () => {
    const pids = readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name))
      .map(Number);
    const family = pids.filter((pid) => pid === postmaster || parentOf(pid) === postmaster);
    return family.reduce((sum, pid) => sum + ticksOf(pid), 0) / TICKS_A_SECOND;
  };
}

const TICKS_A_SECOND = 100;
const parentOf = (pid: number): number => Number(statOf(pid)[1]);

/** Returns the fields of a process behind its name. A process that has just ended has none. */
function statOf(pid: number): readonly string[] {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return text.slice(text.lastIndexOf(')') + 2).split(' ');
  } catch {
    return [];
  }
}
