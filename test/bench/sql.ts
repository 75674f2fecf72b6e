import { closeSync, mkdtempSync, openSync, readFileSync, readSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { z } from 'zod';
import { planFor } from '../../infra/sql/compile.ts';
import { lineRunner } from '../../infra/sql/run-lines.ts';
import { type Measured, measure, runAlone } from './rounds.ts';
import { hostileOrders, orders } from './sql-orders.ts';

const Order = z.object({
  order_id: z.int(),
  order_date: z.iso.datetime(),
  status: z.string(),
  customer: z.string(),
  quantity: z.int32(),
  price: z.number(),
  sales: z.number(),
});
const STATEMENT = "SELECT order_id, sales FROM orders WHERE status = 'COMPLETE'";
const EVENTS = 1_000_000;
const PART = 1 << 20;
const GIGABYTE = 1e9;

/**
 * Filter and project, from a file of JSON lines to a file of JSON lines: the compiled statement, a loop of JSON.parse and JSON.stringify
 * as people write it, and DuckDB with one thread. Outputs are compared first.
 */
export async function benchSql(): Promise<readonly Measured[]> {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-bench-sql-'));
  const [input, hostile] = [join(folder, 'orders.ndjson'), join(folder, 'hostile.ndjson')];
  const [ours, loop, duck] = [join(folder, 'ours.ndjson'), join(folder, 'loop.ndjson'), join(folder, 'duck.ndjson')];
  writeFileSync(input, orders(EVENTS));
  writeFileSync(hostile, hostileOrders(EVENTS / 5));
  const plan = await planFor({ file: 'bench.sql', text: STATEMENT }, Order);
  const compiled = (from: string): void => eachPart(from, ours, (part) => runner(part).output);
  const runner = lineRunner(plan);
  const byHand = (from: string): void => eachPart(from, loop, parseLoop);
  const instance = await DuckDBInstance.create(':memory:', { threads: '1' });
  const connection = await instance.connect();
  const columns = "{order_id: 'BIGINT', status: 'VARCHAR', sales: 'DOUBLE'}";
  const copy = `COPY (SELECT order_id, sales FROM read_json('${input}', format = 'newline_delimited', columns = ${columns}) WHERE status = 'COMPLETE') TO '${duck}' (FORMAT json)`;
  try {
    for (const from of [input, hostile]) {
      compiled(from);
      byHand(from);
      sameLines(ours, loop);
    }
    await connection.run(copy);
    compiled(input);
    sameRows(ours, duck);
    const name = `filter and project ${EVENTS} orders of ${Math.round(readFileSync(input).length / EVENTS)} bytes`;
    const results = [
      await measure({
        name,
        versus: 'JSON.parse and JSON.stringify',
        target: 3,
        rounds: 5,
        ours: () => compiled(input),
        other: () => byHand(input),
      }),
      await measure({
        name,
        versus: 'DuckDB, one thread',
        target: 2,
        rounds: 5,
        ours: () => compiled(input),
        other: () => connection.run(copy),
      }),
      await measure({
        name: `the same on ${EVENTS / 5} hostile orders`,
        versus: 'JSON.parse and JSON.stringify',
        target: 0.9,
        rounds: 5,
        ours: () => compiled(hostile),
        other: () => byHand(hostile),
      }),
    ];
    memoryIsFlat(runner, readFileSync(input).subarray(0, 32 * PART));
    return results;
  } finally {
    connection.closeSync();
    instance.closeSync();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The hand-written loop: one line after the other. */
function parseLoop(part: Buffer): Buffer {
  let output = '';
  for (const line of part.toString('utf8').split('\n')) {
    if (line === '') continue;
    const { order_id, sales, status } = JSON.parse(line) as { order_id: number; sales: number; status: string };
    if (status === 'COMPLETE') output += `${JSON.stringify({ order_id, sales })}\n`;
  }
  return Buffer.from(output);
}

/** Reads a file in parts of whole lines and writes what is made of each. */
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

/** DuckDB prints numbers its own way: compared as values. */
function sameRows(a: string, b: string): void {
  const [rows, others] = [a, b].map((file) => readFileSync(file, 'utf8').trimEnd().split('\n'));
  if (rows?.length !== others?.length) throw new Error(`${rows?.length} rows, DuckDB ${others?.length}`);
  for (const [i, row] of (rows ?? []).entries()) {
    const [x, y] = [JSON.parse(row), JSON.parse(others?.[i] ?? '')] as { order_id: number; sales: number }[];
    if (x?.order_id !== y?.order_id || x?.sales !== y?.sales)
      throw new Error(`row ${i}: ${row}, DuckDB ${others?.[i]}`);
  }
}

const ALLOWED_GROWTH = 64 << 20;

/** The same lines over and over: what 10 GB leave behind is no more than what 100 MB did. */
function memoryIsFlat(runner: ReturnType<typeof lineRunner>, lines: Buffer): void {
  const part = lines.subarray(0, lines.lastIndexOf(0x0a) + 1);
  let done = 0;
  const feed = (bytes: number): number => {
    for (; done < bytes; done += part.length) runner(part);
    return process.memoryUsage().rss;
  };
  const [early, late] = [feed(GIGABYTE / 10), feed(10 * GIGABYTE)];
  const grown = `memory after 100 MB: ${early >> 20} MB, after 10 GB: ${late >> 20} MB`;
  if (late - early > ALLOWED_GROWTH) throw new Error(`${grown}: it must be flat`);
  console.log(grown);
}

if (import.meta.main) await runAlone(benchSql);
