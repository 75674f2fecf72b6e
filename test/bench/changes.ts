import { deepStrictEqual } from 'node:assert';
import type pg from 'pg';
import { PgoutputPlugin } from 'pg-logical-replication';
import type { ChangesPosition } from '../../functions/sources/postgres-changes/position.ts';
import { connectReplication } from '../../functions/sources/postgres-changes/replication.ts';
import { noDeadline } from '../eventually.ts';
import { type PostgresServer, startPostgres } from '../kit/servers.ts';
import { begin, openOrders, readRows } from './read-changes.ts';

/**
 * Measures the reader of changes: `node test/bench/changes.ts [rows]`. It reads from a real server, over a socket, and
 * its pages are appended by the runtime, up to finished Kinesis records: all that a function does but the requests. The
 * other side is the decoder of pg-logical-replication alone, with messages that are in memory already. The CPU time of
 * this process counts, not that of the server.
 */
const ROWS = Number(process.argv[2] ?? 300_000);
const ROUNDS = 3;
const LEAST_ROWS_PER_SECOND = 400_000;
const LEAST_RATIO = 1.8;

const TABLE = `CREATE TABLE orders (id int PRIMARY KEY, customer text, item text, quantity int, price numeric(10,2),
  placed timestamptz, status text, note text)`;
const FIELDS = ['id', 'customer', 'item', 'quantity', 'price', 'placed', 'status', 'note'];
const FILL = `INSERT INTO orders SELECT n, 'customer ' || n % 5000, 'item ' || n % 300, n % 9, n % 10000 / 100.0,
  now(), 'placed', CASE WHEN n % 10 = 0 THEN 'leave it "at the door"' END FROM generate_series(1, ${ROWS}) n`;

const server = await startPostgres({ flags: ['-c', 'max_slot_wal_keep_size=8GB', '-c', 'max_wal_size=4GB'] });
try {
  const database = await server.createDatabase();
  const client = await server.connect(database);
  await client.query(TABLE);
  const start = await begin(openSource(database));
  await client.query(`SELECT pg_copy_logical_replication_slot('${start.slot}', 'recorded')`);
  await client.query(FILL);
  const messages = await record(database);
  const ours: number[] = [];
  const other: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    await client.query(`SELECT pg_copy_logical_replication_slot('${start.slot}', 'round_${round}')`);
    ours.push(await secondsOf(() => readAll(database, { ...start, slot: `round_${round}` })));
    other.push(await secondsOf(async () => deepStrictEqual(decodeAll(messages), ROWS)));
    await eventuallyDropped(client, `round_${round}`);
  }
  await client.end();
  const rate = ROWS / Math.min(...ours);
  const otherRate = ROWS / Math.min(...other);
  const isMet = rate >= LEAST_ROWS_PER_SECOND && rate / otherRate >= LEAST_RATIO;
  console.log(
    `reader, from the socket to Kinesis records: ${Math.round(rate)} rows per CPU second (target ${LEAST_ROWS_PER_SECOND})`,
  );
  console.log(
    `pg-logical-replication, decoding alone: ${Math.round(otherRate)}; ratio ${(rate / otherRate).toFixed(2)} × (target ${LEAST_RATIO} ×) ${isMet ? 'ok' : 'MISSED'}`,
  );
  if (!isMet) process.exitCode = 1;
} finally {
  await server.stop();
}

async function secondsOf(work: () => Promise<unknown>): Promise<number> {
  const before = process.cpuUsage();
  await work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1e6;
}

function openSource(database: string) {
  const { host, port, user, password } = server as PostgresServer;
  return openOrders({
    ...{ host, port, database, user, auth: { password }, tls: 'off' },
    fields: FIELDS.map((name) => ({ name, accepts: [], isRequired: false })),
  });
}

async function readAll(database: string, from: ChangesPosition): Promise<void> {
  deepStrictEqual(await readRows(openSource(database), from, ROWS), ROWS);
}

/** Reads the messages of pgoutput into memory. */
async function record(database: string): Promise<readonly Buffer[]> {
  const { host, port, user, password } = server as PostgresServer;
  const connection = { host, port, database, user, auth: { password }, tls: 'off' as const };
  const replication = await connectReplication(connection, { name: 'recorder', signal: noDeadline() });
  const log = await replication.start({ slot: 'recorded', publication: 'millrace', lsn: 0n });
  const messages: Buffer[] = [];
  for (let rows = 0; rows < ROWS; ) {
    while (log.frames.next()) {
      const { kind, bytes, start, end } = log.frames;
      if (kind !== 0x64 || bytes[start] !== 0x77) continue;
      messages.push(Buffer.from(bytes.subarray(start + 25, end)));
      if (bytes[start + 25] === 0x49) rows++;
    }
    await log.more(1_000);
  }
  replication.close();
  return messages;
}

function decodeAll(messages: readonly Buffer[]): number {
  const plugin = new PgoutputPlugin({ protoVersion: 1, publicationNames: ['millrace'] });
  let rows = 0;
  for (const message of messages) if (plugin.parse(message).tag === 'insert') rows++;
  return rows;
}

async function eventuallyDropped(client: pg.Client, slot: string): Promise<void> {
  for (let attempt = 0; attempt < 100; attempt++) {
    const dropped = await client.query('SELECT pg_drop_replication_slot($1)', [slot]).then(
      () => true,
      () => false,
    );
    if (dropped) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
