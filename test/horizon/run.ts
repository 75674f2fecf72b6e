import type pg from 'pg';
import { type PostgresServer, startPostgres } from '../kit/servers.ts';
import { type Address, idReader, newestReader, sourceReader } from './readers.ts';
import { type Draw, type Outcome, performSchedule, TABLE } from './schedule.ts';

/** The source itself, and two ways to read that are known to be wrong. */
export type ReaderName = 'source' | 'by id' | 'up to the newest';

export interface Schedules {
  /** Performs the schedule of a number, on an empty table. */
  perform(number: number, reader: ReaderName): Promise<Outcome>;
  close(): Promise<void>;
}

/** How many transactions overlap. */
const SESSIONS = 4;

/** Starts a server that knows prepared transactions, for schedules one after the other. */
export async function startSchedules(): Promise<Schedules> {
  const server = await startPostgres({ flags: ['-c', 'max_prepared_transactions=20', '-c', 'scram_iterations=1'] });
  try {
    return await schedulesOn(server);
  } catch (error) {
    await server.stop();
    throw error;
  }
}

async function schedulesOn(server: PostgresServer): Promise<Schedules> {
  const database = await server.createDatabase();
  const clients: pg.Client[] = [];
  for (let one = 0; one <= SESSIONS; one++) clients.push(await server.connect(database));
  const [asking, ...sessions] = clients as [pg.Client, ...pg.Client[]];
  const { host, port, user, password } = server;
  // Each run of the source logs in, which is slow with the many rounds that a password has by default.
  await asking.query(`ALTER USER ${user} PASSWORD '${password}'; ${TABLE}`);
  const address: Address = { host, port, database, user, password };
  const readers = {
    source: () => sourceReader(address),
    'by id': () => idReader(asking),
    'up to the newest': () => newestReader(asking),
  };
  return {
    async perform(number, reader) {
      await asking.query('TRUNCATE items');
      return performSchedule(sessions, readers[reader](), { draw: drawsOf(number), number, admin: asking });
    },
    async close() {
      await Promise.all(clients.map((client) => client.end()));
      await server.stop();
    },
  };
}

/** Draws the numbers of a schedule: the same for the same number (mulberry32). */
function drawsOf(number: number): Draw {
  let state = (number * 0x9e3779b9) >>> 0;
  return (end) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % end;
  };
}
