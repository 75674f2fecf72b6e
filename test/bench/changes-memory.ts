import { spawn } from 'node:child_process';
import type { ChangesPosition } from '../../functions/sources/postgres-changes/position.ts';
import { startPostgres } from '../kit/servers.ts';
import { begin, openOrders, readRows } from './read-changes.ts';

/**
 * Measures the memory of a function that reads one transaction of many rows: `node test/bench/changes-memory.ts
 * [rows]`. Postgres sends a transaction once it is committed, and the reader has a page of it in memory. The process
 * that reads has nothing else to do, as a function.
 */
const ROWS = 10_000_000;
const MOST_BYTES = 256 * 1024 * 1024;
/** A small machine's heap: Node's own defaults are for one with gigabytes, and let garbage lie. */
const HEAP = ['--max-semi-space-size=8', '--max-old-space-size=200'];

interface Task {
  readonly rows: number;
  readonly resources: object;
}

const task = process.argv[3];
if (task === undefined) await measure(Number(process.argv[2] ?? ROWS));
else await readAll(JSON.parse(task) as Task);

async function measure(rows: number): Promise<void> {
  const server = await startPostgres({ flags: ['-c', 'max_slot_wal_keep_size=32GB', '-c', 'max_wal_size=4GB'] });
  try {
    const database = await server.createDatabase();
    const client = await server.connect(database);
    await client.query('CREATE TABLE orders (id int PRIMARY KEY, customer text, price numeric(10,2), note text)');
    const { host, port, user, password } = server;
    const resources = {
      ...{ host, port, database, user, auth: { password }, tls: 'off' },
      fields: ['id', 'customer', 'price', 'note'].map((name) => ({ name, accepts: [], isRequired: false })),
    };
    const start = await begin(openOrders(resources));
    await client.query(`INSERT INTO orders SELECT n, 'customer ' || n % 5000, n % 10000 / 100.0, NULL
      FROM generate_series(1, ${rows}) n`);
    await client.end();
    const child = spawn(
      process.execPath,
      [...HEAP, import.meta.filename, '', JSON.stringify({ rows, resources: { ...resources, start } })],
      { stdio: ['ignore', 'inherit', 'inherit'] },
    );
    const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
    process.exitCode = code ?? 1;
  } finally {
    await server.stop();
  }
}

/** Reads all rows as a function does, and appends them to a stream that takes everything. */
async function readAll({ rows, resources }: Task): Promise<void> {
  const { start, ...server } = resources as { readonly start: ChangesPosition };
  const read = await readRows(openOrders(server), start, rows);
  const bytes = process.resourceUsage().maxRSS * 1024;
  const isMet = read === rows && bytes <= MOST_BYTES;
  console.log(
    `one transaction of ${read} rows: at most ${Math.round(bytes / 1024 / 1024)} MiB in memory (target ${MOST_BYTES / 1024 / 1024} MiB) ${isMet ? 'ok' : 'MISSED'}`,
  );
  process.exit(isMet ? 0 : 1);
}
