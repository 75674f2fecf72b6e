import { spawn } from 'node:child_process';
import { openLogWriter } from '../../functions/runtime/log/log-writer.ts';
import { appendPage } from '../../functions/runtime/pull/append-page.ts';
import type { PullState } from '../../functions/runtime/pull/pull-state.ts';
import type { PulledStep } from '../../functions/runtime/pull/pulled-step.ts';
import type { ChangesPosition } from '../../functions/sources/postgres-changes/position.ts';
import { postgresChangesDefinition } from '../../functions/sources/postgres-changes/postgres-changes.ts';
import { noDeadline } from '../eventually.ts';
import { startPostgres } from '../kit/servers.ts';

/**
 * Measures the memory of a function that reads one transaction of many rows: `node test/bench/changes-memory.ts
 * [rows]`. Postgres sends a transaction once it is committed, and the reader has a page of it in memory. The process
 * that reads has nothing else to do, as a function.
 */
const ROWS = 10_000_000;
const MOST_BYTES = 256 * 1024 * 1024;
/** A small machine's heap: Node's own defaults are for one with gigabytes, and let garbage lie. */
const HEAP = ['--max-semi-space-size=8', '--max-old-space-size=200'];
const SHARDS = [{ id: 'shard-0', from: 0n, to: (1n << 128n) - 1n, parents: [], open: true }];

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
    const source = openSource(resources);
    let start: ChangesPosition | undefined;
    for await (const { position } of source.read(undefined, turn())) {
      if (position.read === undefined) continue;
      start = position;
      break;
    }
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

function turn() {
  return { ending: noDeadline(), signal: noDeadline(), most: 10_000 };
}

function openSource(resources: object) {
  return postgresChangesDefinition.open({
    step: 'bench/changes',
    pipelines: ['bench'],
    options: postgresChangesDefinition.options.parse({ tables: ['orders'], snapshot: 'none', create: true }),
    resources: postgresChangesDefinition.resources.parse(resources),
  });
}

/** Reads all rows as a function does, and appends them to a stream that takes everything. */
async function readAll({ rows, resources }: Task): Promise<void> {
  const { start, ...server } = resources as { readonly start: ChangesPosition };
  const source = openSource(server);
  const writer = openLogWriter({
    kinesis: { send: takeAll } as never,
    stream: 'arn:aws:kinesis:eu-west-1:000000000000:stream/bench',
    maxRecordBytes: 1024 * 1024,
    shape: { arn: 'arn:bench', maxRecordBytes: 1024 * 1024, shards: SHARDS },
  });
  const step = {
    name: 'bench/changes',
    config: { generation: 'bench' },
    deadLetters: { put: async () => undefined },
    now: Date.now,
    report: () => undefined,
  };
  const pulled = { source, outputs: { writerOf: () => writer }, step } as unknown as PulledStep<ChangesPosition>;
  let state: PullState = { id: 'bench', open: false, atMillis: 0 };
  let read = 0;
  for await (const page of source.read(start, turn())) {
    state = await appendPage(pulled, { state, page }, noDeadline());
    read += page.events.length;
    if (read >= rows) break;
  }
  const bytes = process.resourceUsage().maxRSS * 1024;
  const isMet = read === rows && bytes <= MOST_BYTES;
  console.log(
    `one transaction of ${read} rows: at most ${Math.round(bytes / 1024 / 1024)} MiB in memory (target ${MOST_BYTES / 1024 / 1024} MiB) ${isMet ? 'ok' : 'MISSED'}`,
  );
  process.exit(isMet ? 0 : 1);
}

async function takeAll({ input }: { input: { Records: readonly unknown[] } }): Promise<unknown> {
  return { Records: input.Records.map(() => ({ SequenceNumber: '1', ShardId: 'shard-0' })), FailedRecordCount: 0 };
}
