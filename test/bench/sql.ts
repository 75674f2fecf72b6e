import { closeSync, mkdtempSync, openSync, readFileSync, readSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { DuckDBInstance } from '@duckdb/node-api';
import { runCommand, sameRows } from './files.ts';
import { type Measured, measure, runAlone } from './rounds.ts';
import { hostileOrders, orders } from './sql-orders.ts';

const STATEMENT = "SELECT order_id, sales FROM orders WHERE status = 'COMPLETE'";
const SCHEMA = `${fileURLToPath(new URL('sql-orders.ts', import.meta.url))}#Order`;
const EVENTS = 1_000_000;
const PART = 1 << 20;

/**
 * Compares a filter and projection from one file of JSON lines to another, on one thread each: `millrace sql` without
 * the start of its process, a hand-written loop of JSON.parse and JSON.stringify, and DuckDB, which also knows the
 * columns that it needs. The outputs are compared first.
 */
async function benchSql(): Promise<readonly Measured[]> {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-bench-sql-'));
  const [input, hostile] = [join(folder, 'orders.ndjson'), join(folder, 'hostile.ndjson')];
  const [ours, loop, duck] = [join(folder, 'ours.ndjson'), join(folder, 'loop.ndjson'), join(folder, 'duck.ndjson')];
  writeFileSync(input, orders(EVENTS));
  writeFileSync(hostile, hostileOrders(EVENTS / 5));
  const command = (from: string): Promise<void> => runCommand([STATEMENT, from, '--schema', SCHEMA], ours);
  const byHand = (from: string): void => eachPart(from, loop, parseLoop);
  const instance = await DuckDBInstance.create(':memory:', { threads: '1' });
  const connection = await instance.connect();
  const columns = "{order_id: 'BIGINT', status: 'VARCHAR', sales: 'DOUBLE'}";
  const copy = `COPY (SELECT order_id, sales FROM read_json('${input}', format = 'newline_delimited', columns = ${columns}) WHERE status = 'COMPLETE') TO '${duck}' (FORMAT json)`;
  try {
    for (const from of [input, hostile]) {
      await command(from);
      byHand(from);
      sameLines(ours, loop);
    }
    await connection.run(copy);
    await command(input);
    sameRows({ ours, other: duck, columns: ['order_id', 'sales'] });
    const name = `filter and project ${EVENTS} orders of ${Math.round(readFileSync(input).length / EVENTS)} bytes`;
    return [
      await measure({
        name,
        versus: 'JSON.parse and JSON.stringify',
        target: 3,
        rounds: 5,
        ours: () => command(input),
        other: () => byHand(input),
      }),
      await measure({
        name,
        versus: 'DuckDB, one thread',
        target: 2,
        rounds: 9,
        ours: () => command(input),
        other: () => connection.run(copy),
      }),
      await measure({
        name: `the same on ${EVENTS / 5} hostile orders`,
        versus: 'JSON.parse and JSON.stringify',
        target: 0.9,
        rounds: 5,
        ours: () => command(hostile),
        other: () => byHand(hostile),
      }),
    ];
  } finally {
    connection.closeSync();
    instance.closeSync();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Runs the hand-written loop, line by line. */
function parseLoop(part: Buffer): Buffer {
  let output = '';
  for (const line of part.toString('utf8').split('\n')) {
    if (line === '') continue;
    const { order_id, sales, status } = JSON.parse(line) as { order_id: number; sales: number; status: string };
    if (status === 'COMPLETE') output += `${JSON.stringify({ order_id, sales })}\n`;
  }
  return Buffer.from(output);
}

/** Reads a file in parts of whole lines, and writes the result of each part. */
function eachPart(from: string, to: string, make: (part: Buffer) => Buffer): void {
  const [source, target] = [openSync(from, 'r'), openSync(to, 'w')];
  const buffer = Buffer.allocUnsafe(2 * PART);
  let kept = 0;
  for (;;) {
    const read = readSync(source, buffer, kept, PART, null);
    if (read === 0) break;
    const end = buffer.subarray(0, kept + read).lastIndexOf(0x0a) + 1;
    writeSync(target, make(buffer.subarray(0, end)));
    buffer.copyWithin(0, end, kept + read);
    kept += read - end;
  }
  closeSync(source);
  closeSync(target);
}

function sameLines(a: string, b: string): void {
  if (!readFileSync(a).equals(readFileSync(b)))
    throw new Error(`${a} and ${b} differ: the benchmark would compare different work`);
}

if (import.meta.main) await runAlone(benchSql);
