import { UserMistake } from '../../runtime/errors.ts';
import { formatLsn, type Lsn, parseLsn } from './lsn.ts';
import { acknowledgedBy, type ReadUpTo } from './position.ts';
import type { Replication } from './replication.ts';
import { WAY_ON } from './slot.ts';

/**
 * Compares the server with the one that the position is of. A standby that took over goes on with another timeline: its
 * log is that of the old server only up to where it took over. Throws a `UserMistake` when the position is past that,
 * or when it is another server. Resolves to the position on the server's timeline.
 */
export async function onThisServer(replication: Pick<Replication, 'query'>, read: ReadUpTo): Promise<ReadUpTo> {
  const { system, timeline, database } = await identify(replication);
  if (system !== read.system)
    throw new UserMistake(
      `the server has the system identifier ${system}, and the step has read a server with ${read.system}: name the server that it has read, or begin again (${WAY_ON})`,
    );
  if (database !== read.database)
    throw new UserMistake(
      `the step has read the database ${read.database} of this server, and not ${database}: ${WAY_ON}`,
    );
  if (timeline === read.timeline) return read;
  const [row] = await replication.query(`TIMELINE_HISTORY ${timeline}`);
  const left = leftAt(row?.content ?? '', read.timeline);
  const at = furthest(read);
  if (left === undefined || at >= left)
    throw new UserMistake(
      `a standby has taken over ${left === undefined ? `from a server that was not on timeline ${read.timeline}` : `at ${formatLsn(left)}`}, and the step has read up to ${formatLsn(at)} of the old server (timeline ${read.timeline}): what it has read behind that point does not exist any more: ${WAY_ON}`,
    );
  return { ...read, timeline };
}

export async function identify({
  query,
}: Pick<Replication, 'query'>): Promise<Pick<ReadUpTo, 'system' | 'timeline' | 'database'>> {
  const [row] = await query('IDENTIFY_SYSTEM');
  return { system: row?.systemid ?? '', timeline: Number(row?.timeline), database: row?.dbname ?? '' };
}

/** Finds in a history file where a timeline was left: lines of a timeline, an LSN and a reason. */
export function leftAt(history: string, timeline: number): Lsn | undefined {
  for (const line of history.split('\n')) {
    const [number, lsn] = line.trim().split(/\s+/);
    if (Number(number) === timeline && lsn !== undefined && lsn.includes('/')) return parseLsn(lsn);
  }
  return undefined;
}

function furthest(read: ReadUpTo): Lsn {
  return parseLsn(read.inside?.lsn ?? acknowledgedBy(read));
}
