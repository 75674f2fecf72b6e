import { deepStrictEqual } from 'node:assert';
import type { KinesisStreamEvent } from 'aws-lambda';
import type pg from 'pg';
import { openSink } from '../../functions/runtime/sink-handler.ts';
import { tableDefinition } from '../../functions/table-state/table-handler.ts';
import { salesByRegion } from '../../functions/tables/sales-by-region.sql.ts';
import { textTable } from '../../infra/text-table.ts';
import { seeded } from '../infra/sql/random.ts';
import { startPostgres } from '../kit/servers.ts';
import { cpuMeter, type Spent, totalOf, typical } from './cpu.ts';
import { openTarget } from './in-memory.ts';
import { appendGiven, BEFORE, deliver, eventsIn, surroundingsOf, unread } from './step-log.ts';

const [EVENTS, KEYS] = [Number(process.argv[2] ?? 1_000_000), Number(process.argv[3] ?? 50_000)];
const ROUNDS = 10;
const MOST_CPU_SECONDS = 10;
/** The most CPU, as a share of what single-row upserts take. */
const MOST_SHARE = 0.5;
/** The events of a transaction of single-row upserts. */
const UPSERTS_A_BATCH = 1_000;

/**
 * Measures the CPU of a table step with a change stream, the server's included: events of many keys come as batches of
 * compressed records, and become rows in Postgres and changes in a stream. Log and checkpoints are in memory. The other
 * side reads the same records, and upserts row by row with a prepared statement, in batches; it makes no changes. Both
 * take turns. The anchor, JSON.parse of the same events, tells how fast the machine is.
 */
async function benchTables(): Promise<void> {
  await using running = new AsyncDisposableStack();
  const server = await startPostgres({ flags: ['-c', 'fsync=on', '-c', 'max_wal_size=8GB'] });
  running.defer(server.stop);
  const database = await server.createDatabase();
  const client = await server.connect(database);
  running.defer(() => client.end());
  await client.query(`CREATE TABLE plain (region text, category text, lines bigint, sales numeric, profit numeric,
    largest numeric, PRIMARY KEY (region, category)) WITH (fillfactor = 80)`);
  const measure = await cpuMeter(client);
  const { host, port, user, password } = server;
  const resources = { host, port, database, user, tls: 'off' as const, auth: { password } };
  const target = openTarget(['sales', 'changes'], { own: [BEFORE] });
  const options = { changes: { before: false } };
  const of = { input: 'sales', output: 'changes', options, resources };
  const handler = openSink(tableDefinition(salesByRegion), surroundingsOf(target, 'sales_by_region', of));
  const random = seeded(1);
  const given = unread(target, 'sales');
  const spent = { ours: [] as Spent[], other: [] as Spent[], anchor: [] as Spent[] };
  for (let round = 0; round < ROUNDS; round++) {
    await appendGiven(target, 'sales', {
      count: EVENTS / ROUNDS,
      first: (EVENTS / ROUNDS) * round,
      make: saleOf(random),
    });
    const batches = await given();
    spent.ours.push(await measure(() => deliver(handler, batches)));
    spent.other.push(await measure(() => upsert(client, batches)));
    spent.anchor.push(await measure(async () => eventsIn(batches).map(({ data }) => data)));
    if (round === 0) await compareOutputs(client, eventsIn(await target.batches('changes', 1)));
  }
  await compareOutputs(client, eventsIn(await target.batches('changes', 1)));
  print({ ours: typical(spent.ours), other: typical(spent.other), anchor: typical(spent.anchor) });
}

function print({ ours, other, anchor }: Record<'ours' | 'other' | 'anchor', Spent>): void {
  const [total, others] = [totalOf(ours), totalOf(other)];
  const share = total / others;
  const isMet = { total: total <= MOST_CPU_SECONDS, share: share <= MOST_SHARE };
  const verdict = (met: boolean): string => (met ? 'ok' : 'MISSED');
  console.log(
    textTable(
      [`${EVENTS} events of ${KEYS} keys into a table with a change stream`, 'ours', 'target', ''],
      [
        ['CPU seconds', total.toFixed(1), `≤ ${MOST_CPU_SECONDS}`, verdict(isMet.total)],
        ['of these, in the function', ours.own.toFixed(1), '', ''],
        ['of these, in Postgres', ours.server.toFixed(1), '', ''],
        ['the same by single-row upserts', others.toFixed(1), '', ''],
        ['share of that', share.toFixed(2), `≤ ${MOST_SHARE}`, verdict(isMet.share)],
        ['anchor: decode and JSON.parse', anchor.own.toFixed(1), '', ''],
      ],
    ),
  );
  if (!isMet.total || !isMet.share) process.exitCode = 1;
}

/** Returns a function that makes sales of random keys. A group is a region and one of its categories. */
function saleOf(random: ReturnType<typeof seeded>) {
  return (row_id: number) => {
    const [region, category] = [`Region ${random.below(KEYS / 50)}`, `Category ${random.below(50)}`];
    const [sales, profit] = [random.below(1_000_000) / 100, random.below(100_000) / 100 - 500];
    return { key: `${region}/${category}`, type: 'order.completed', data: { row_id, region, category, sales, profit } };
  };
}

const UPSERT = `INSERT INTO plain VALUES ($1, $2, 1, $3, $4, $3) ON CONFLICT (region, category) DO UPDATE SET
  lines = plain.lines + 1, sales = plain.sales + EXCLUDED.sales, profit = plain.profit + EXCLUDED.profit,
  largest = greatest(plain.largest, EXCLUDED.largest)`;

async function upsert(client: pg.Client, batches: readonly KinesisStreamEvent[]): Promise<void> {
  const events = eventsIn(batches);
  for (let from = 0; from < events.length; from += UPSERTS_A_BATCH) {
    await client.query('BEGIN');
    for (const event of events.slice(from, from + UPSERTS_A_BATCH)) {
      const { region, category, sales, profit } = event.data as Record<string, string | number>;
      await client.query({ name: 'upsert', text: UPSERT, values: [region, category, sales, profit] });
    }
    await client.query('COMMIT');
  }
}

/** Throws unless both sides have the same rows, and the changes fold to them. */
async function compareOutputs(client: pg.Client, changes: ReturnType<typeof eventsIn>): Promise<void> {
  const ours = 'SELECT region, category, lines, sales, mean_profit, largest FROM bench.sales_by_region';
  const other = 'SELECT region, category, lines, sales, round(profit / lines, 2), largest FROM plain';
  const { rows } = await client.query(
    `SELECT count(*)::int AS rows, (SELECT count(*)::int FROM ((${ours} EXCEPT ${other}) UNION ALL (${other} EXCEPT ${ours})) d) AS different
       FROM bench.sales_by_region`,
  );
  const folded = new Map(changes.map(({ key, data }) => [key, data as Record<string, unknown>]));
  deepStrictEqual(rows, [{ rows: folded.size, different: 0 }]);
  const { rows: shown } = await client.query(`SELECT region, category, lines::int, sales::float8 FROM (${ours}) t`);
  for (const { region, category, lines, sales } of shown) {
    const change = folded.get(JSON.stringify([region, category]));
    deepStrictEqual([change?.lines, change?.sales], [lines, sales]);
  }
}

if (import.meta.main) await benchTables();
