import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { DuckDBInstance } from '@duckdb/node-api';
import { runCommand, sameRows } from './files.ts';
import { type Measured, measure, runAlone } from './rounds.ts';
import { ordersInTime } from './sql-orders.ts';

const STATEMENT = `SELECT city, window_start, count(*) AS n, sum(sales) AS sales FROM orders
  WINDOW TUMBLING (SIZE 15 MINUTES) GROUP BY city ORDER BY window_start, city TIMESTAMP BY order_date`;
const THEIRS = `SELECT city, strftime(time_bucket(INTERVAL 15 MINUTES, order_date), '%Y-%m-%dT%H:%M:%SZ') AS window_start,
  count(*) AS n, sum(sales) AS sales`;
const SCHEMA = `${fileURLToPath(new URL('sql-orders.ts', import.meta.url))}#TimedOrder`;
const EVENTS = 1_000_000;

/**
 * Compares a windowed count and sum over a file of JSON lines that is in the machine's memory, on one thread each:
 * `millrace sql` without the start of its process, and DuckDB, which also knows the columns that it needs. The outputs
 * are compared first.
 */
async function benchWindows(): Promise<readonly Measured[]> {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-bench-windows-'));
  const [input, ours, duck] = [join(folder, 'orders.ndjson'), join(folder, 'ours.ndjson'), join(folder, 'duck.ndjson')];
  writeFileSync(input, ordersInTime(EVENTS));
  const command = (): Promise<void> => runCommand([STATEMENT, input, '--schema', SCHEMA], ours);
  const instance = await DuckDBInstance.create(':memory:', { threads: '1' });
  const connection = await instance.connect();
  const columns = "{order_date: 'TIMESTAMP', city: 'VARCHAR', sales: 'DOUBLE'}";
  const select = `${THEIRS} FROM read_json('${input}', format = 'newline_delimited', columns = ${columns})`;
  const copy = `COPY (${select} GROUP BY 1, 2 ORDER BY 2, 1) TO '${duck}' (FORMAT json)`;
  try {
    await connection.run(copy);
    await command();
    sameRows({ ours, other: duck, columns: ['city', 'window_start', 'n', 'sales'] });
    const bytes = Math.round(readFileSync(input).length / EVENTS);
    return [
      await measure({
        name: `windowed count and sum of ${EVENTS} orders of ${bytes} bytes`,
        versus: 'DuckDB, one thread',
        target: 1.7,
        rounds: 9,
        ours: command,
        other: () => connection.run(copy),
      }),
    ];
  } finally {
    connection.closeSync();
    instance.closeSync();
    rmSync(folder, { recursive: true, force: true });
  }
}

if (import.meta.main) await runAlone(benchWindows);
