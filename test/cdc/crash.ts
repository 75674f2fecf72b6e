import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import type { PostgresServer } from '../kit/servers.ts';

const MOST_LOOKS = 600;

/** Returns a function that kills the server's main process, and waits until its guard has started it again. */
export function crasherOf(server: PostgresServer): () => Promise<void> {
  return async () => {
    const client = await server.connect('postgres');
    const { rows } = await client.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
    const main = parentOf(rows[0]?.pid ?? 0);
    process.kill(main, 'SIGQUIT');
    await client.end().catch(() => undefined);
    for (let look = 0; look < MOST_LOOKS; look++) {
      await delay(50);
      const again = await server.connect('postgres').catch(() => undefined);
      if (again === undefined) continue;
      const answer = await again.query<{ pid: number }>('SELECT pg_backend_pid() AS pid').catch(() => undefined);
      const parent = answer === undefined ? Number.NaN : parentOf(answer.rows[0]?.pid ?? 0);
      const isNew = parent > 0 && parent !== main;
      await again.end().catch(() => undefined);
      if (isNew) return;
    }
    throw new Error('the server has not come back');
  };
}

function parentOf(pid: number): number {
  const text = statOf(pid);
  return Number(text.slice(text.lastIndexOf(')') + 2).split(' ')[1]);
}

/** A process that has just ended has none. */
function statOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/stat`, 'utf8');
  } catch {
    return '';
  }
}
