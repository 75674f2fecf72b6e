import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { parse } from 'csv-parse/sync';
import { csvRows } from '../../functions/sources/s3-files/csv-rows.ts';
import { readRows } from '../../functions/sources/s3-files/rows.ts';
import { ordersFile } from '../../infra/local/demo/data.ts';
import { runCommand, sameRows } from './files.ts';
import { type Measured, measure, runAlone } from './rounds.ts';

const LINES = 1_000_000;
/** csv-parse is slow: it gets fewer lines, and few where it keeps them all, or its heap would slow both sides. */
const FEWER_LINES = 200_000;
const FEW_LINES = 50_000;
const SELECTED = ['Order ID', 'Sales'] as const;
const STATEMENT = `SELECT "Order ID", "Sales" FROM input WHERE "Segment" = 'Consumer'`;

/**
 * Compares the two readers of CSV, which share one scanner, with csv-parse and DuckDB, on the superstore's lines as
 * they are (with quotes) and without quotes. The outputs are compared first.
 */
async function benchCsv(): Promise<readonly Measured[]> {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-bench-csv-'));
  const instance = await DuckDBInstance.create(':memory:', { threads: '1' });
  const connection = await instance.connect();
  const results: Measured[] = [];
  try {
    for (const [kind, lines] of Object.entries(superstore())) {
      const [long, short, few] = ['long', 'short', 'few'].map((length) => join(folder, `${kind}-${length}.csv`)) as [
        string,
        string,
        string,
      ];
      const [ours, other] = [join(folder, 'ours.ndjson'), join(folder, 'other.ndjson')];
      writeLines(long, lines, LINES);
      writeLines(short, lines, FEWER_LINES);
      writeLines(few, lines, FEW_LINES);
      const command = (from: string): Promise<void> => runCommand([STATEMENT, from], ours);
      const copy = `COPY (SELECT "Order ID", "Sales" FROM read_csv('${long}') WHERE "Segment" = 'Consumer') TO '${other}' (FORMAT json)`;
      byHand(short, other);
      await command(short);
      sameRows({ ours, other, columns: SELECTED });
      await connection.run(copy);
      await command(long);
      sameRows({ ours, other, columns: SELECTED });
      const bytes = readFileSync(few);
      const cells = csvParseRows(bytes).length;
      if ((await rowsOf(bytes)) !== cells) throw new Error(`csv-parse reads ${cells} rows`);
      const name = `CSV, ${kind}`;
      results.push(
        await measure({
          name: `${name}: rows of ${FEW_LINES} lines, as s3-files reads them`,
          versus: 'csv-parse',
          target: 5,
          rounds: 9,
          ours: () => rowsOf(bytes),
          other: () => csvParseRows(bytes),
        }),
        await measure({
          name: `${name}: filter and project ${FEWER_LINES} lines by millrace sql`,
          versus: 'csv-parse and JSON.stringify',
          target: 5,
          rounds: 3,
          ours: () => command(short),
          other: () => byHand(short, other),
        }),
        await measure({
          name: `${name}: filter and project ${LINES} lines by millrace sql`,
          versus: 'DuckDB, one thread',
          target: 0.3,
          rounds: 5,
          ours: () => command(long),
          other: () => connection.run(copy),
        }),
      );
    }
    return results;
  } finally {
    connection.closeSync();
    instance.closeSync();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Returns the superstore's lines, with the header first: with their quotes, and without. */
function superstore(): Readonly<Record<string, readonly string[]>> {
  const text = readFileSync(ordersFile(), 'utf8');
  const plain = csvParseRows(Buffer.from(text)).map((cells) =>
    cells.map((cell) => cell.replace(/[",]/g, ' ')).join(','),
  );
  return { quoted: text.trimEnd().split('\n'), unquoted: plain };
}

function writeLines(file: string, [header = '', ...lines]: readonly string[], count: number): void {
  const target = openSync(file, 'w');
  writeSync(target, `${header}\n`);
  for (let at = 0; at < count; at += lines.length) writeSync(target, `${lines.slice(0, count - at).join('\n')}\n`);
  closeSync(target);
}

/** Counts the rows that `s3-files` makes of a file. */
async function rowsOf(bytes: Buffer): Promise<number> {
  let count = 0;
  for await (const { rows } of readRows(chunksOf(bytes), csvRows, { offset: 0, line: 1 })) count += rows.length;
  return count;
}

async function* chunksOf(bytes: Buffer): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += 1 << 16) yield bytes.subarray(at, at + (1 << 16));
}

const csvParseRows = (bytes: Buffer): readonly (readonly string[])[] => parse(bytes, OPTIONS);

const OPTIONS = { record_delimiter: ['\r\n', '\n'], relax_column_count: true };

/** Does what the statement does, by hand. */
function byHand(from: string, to: string): void {
  let output = '';
  let places: readonly number[] | undefined;
  parse(readFileSync(from), {
    ...OPTIONS,
    on_record(cells: string[]) {
      const [id = -1, sales = -1, segment = -1] = places ?? [];
      if (places === undefined) places = ['Order ID', 'Sales', 'Segment'].map((name) => cells.indexOf(name));
      else if (cells[segment] === 'Consumer')
        output += `${JSON.stringify({ 'Order ID': cells[id], Sales: Number(cells[sales]) })}\n`;
      return null;
    },
  });
  const target = openSync(to, 'w');
  writeSync(target, output);
  closeSync(target);
}

if (import.meta.main) await runAlone(benchCsv);
