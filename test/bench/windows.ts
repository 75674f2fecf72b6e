import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { checkStatement } from '../../infra/sql/check/statement.ts';
import { groupedStatementOf } from '../../infra/sql/emit/statement-of.ts';
import { startGroups } from '../../infra/sql/run/groups.ts';
import { columnsOfSchema } from '../../infra/sql/schema/schema-columns.ts';
import { sameRows } from './files.ts';
import { type Measured, measure, runAlone } from './rounds.ts';
import { ordersInTime, TimedOrder } from './sql-orders.ts';

const STATEMENT = `SELECT city, window_start, count(*) AS n, sum(sales) AS sales FROM orders
  WINDOW TUMBLING (SIZE 15 MINUTES) GROUP BY city ORDER BY window_start, city TIMESTAMP BY order_date`;
const EVENTS = 1_000_000;
const PART = 1 << 20;

/**
 * Compares a windowed count and sum of JSON lines, on one thread each: our compiled statement over bytes in memory, and
 * DuckDB's prepared statement over the same bytes in a file that the machine has in its memory, which DuckDB reads
 * about as fast as lines in a table of its own. DuckDB knows the columns that it needs, and adds in double precision;
 * our sums are exact. The outputs are compared first.
 */
async function benchWindows(): Promise<readonly Measured[]> {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-bench-windows-'));
  const [input, ours, duck] = [join(folder, 'orders.ndjson'), join(folder, 'ours.ndjson'), join(folder, 'duck.ndjson')];
  const events = ordersInTime(EVENTS);
  writeFileSync(input, events);
  const run = await compiled();
  const instance = await DuckDBInstance.create(':memory:', { threads: '1' });
  const connection = await instance.connect();
  const columns = "{order_date: 'TIMESTAMP', city: 'VARCHAR', sales: 'DOUBLE'}";
  const groups = `SELECT city, time_bucket(INTERVAL 15 MINUTES, order_date) AS start, count(*) AS n, sum(sales) AS sales
    FROM read_json('${input}', format = 'newline_delimited', columns = ${columns}) GROUP BY 1, 2`;
  const select = `SELECT city, strftime(start, '%Y-%m-%dT%H:%M:%SZ') AS window_start, n, sales FROM (${groups}) ORDER BY start, city`;
  try {
    writeFileSync(ours, run(events));
    await connection.run(`COPY (${select}) TO '${duck}' (FORMAT json)`);
    sameRows({ ours, other: duck, columns: ['city', 'window_start', 'n', 'sales'] });
    const prepared = await connection.prepare(select);
    return [
      await measure({
        name: `windowed count and sum of ${EVENTS} orders of ${Math.round(events.length / EVENTS)} bytes in memory`,
        versus: 'DuckDB, one thread',
        target: 1.7,
        rounds: 9,
        ours: () => run(events),
        other: () => prepared.run(),
      }),
    ];
  } finally {
    connection.closeSync();
    instance.closeSync();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Returns the function that makes the outputs of all events. */
async function compiled(): Promise<(events: Buffer) => Buffer> {
  const columns = columnsOfSchema(TimedOrder) ?? [];
  const plan = await checkStatement({ file: 'statement', text: STATEMENT }, { columns, ofFiles: true });
  const statement = groupedStatementOf(plan);
  return (events) => {
    const groups = startGroups(plan, statement);
    for (let from = 0; from < events.length; ) {
      const to = from + PART < events.length ? events.lastIndexOf(0x0a, from + PART) + 1 : events.length;
      const { rejections } = groups.add(events.subarray(from, to));
      if (rejections.length > 0) throw new Error(`rejected: ${rejections[0]?.reason}`);
      from = to;
    }
    return Buffer.concat([...groups.outputs(fail)]);
  };
}

function fail(reason: string): never {
  throw new Error(`a group failed: ${reason}`);
}

if (import.meta.main) await runAlone(benchWindows);
