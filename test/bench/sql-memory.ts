import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { REPOSITORY } from '../../infra/repository.ts';
import { orders } from './sql-orders.ts';

/**
 * Checks that `millrace sql` takes no more memory for 10 GB of input than for its first part: `node
 * test/bench/sql-memory.ts [GB]`.
 */
const LONG_BYTES = 10e9;
/** The limit. Keeping one percent of the input would take 90 MiB. */
const MOST_MORE_MIB = 64;
/** The share of the input that goes through while V8's heap grows to its final size. */
const BEGINNING = 0.2;

interface Case {
  readonly name: string;
  readonly args: readonly string[];
  /** The part of the input that is repeated. */
  readonly lines: Buffer;
  /** The part of the input that comes once, at the start. */
  readonly header: string;
  /** The share of the whole input: slower cases show as much with less. */
  readonly share: number;
  linesOut(inBytes: number): number;
}

const STATEMENT = "SELECT order_id, sales, upper(city) AS city FROM input WHERE status = 'COMPLETE'";

function cases(): readonly Case[] {
  const lines = orders(20_000);
  const rows = lines
    .toString()
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  const cells = Buffer.from(rows.map((row) => `${Object.values(row).join(',')}\n`).join(''));
  const quoted = Buffer.from(rows.map((row) => `${Object.values(row).map(quotedCell).join(',')}\n`).join(''));
  const header = `${Object.keys(rows[0] ?? {}).join(',')}\n`;
  const complete = rows.filter(({ status }) => status === 'COMPLETE').length;
  const json = { lines, header: '' };
  const times = (inBytes: number, bytes: Buffer): number => Math.floor(inBytes / bytes.length);
  return [
    {
      name: 'JSON to JSON',
      args: [STATEMENT],
      ...json,
      share: 1,
      linesOut: (inBytes) => times(inBytes, lines) * complete,
    },
    {
      name: 'JSON to a table',
      args: [STATEMENT, '--format', 'table'],
      ...json,
      share: 0.1,
      linesOut: (inBytes) => times(inBytes, lines) * complete + 2,
    },
    {
      name: 'JSON, all rejected',
      args: ['SELECT 1 / (order_id - order_id) AS x FROM input'],
      ...json,
      share: 0.02,
      // The first ten, and their number and reason.
      linesOut: () => 12,
    },
    {
      name: 'CSV to CSV',
      args: [STATEMENT, '--input', 'csv', '--format', 'csv'],
      lines: cells,
      header,
      share: 0.1,
      linesOut: (inBytes) => times(inBytes, cells) * complete + 1,
    },
    {
      name: 'CSV with quotes to CSV',
      args: [STATEMENT, '--input', 'csv', '--format', 'csv'],
      lines: quoted,
      header,
      share: 0.1,
      linesOut: (inBytes) => times(inBytes, quoted) * complete + 1,
    },
  ];
}

const quotedCell = (value: unknown): string => (typeof value === 'string' ? `"${value}"` : String(value));

/** Prints the memory of each case, and returns whether none takes more memory for more input. */
async function sqlMemory(longBytes: number = LONG_BYTES): Promise<boolean> {
  let isFlat = true;
  for (const each of cases()) {
    const { looks, inBytes, outLines, seconds } = await memoryOf(each, longBytes * each.share);
    const [beginning, rest] = [true, false].map((early) =>
      usualMost(looks.filter(({ at }) => at <= inBytes * BEGINNING === early).map(({ mib }) => mib)),
    ) as [number, number];
    console.log(
      `${each.name}: ${beginning} MiB in the first ${megabytes(inBytes * BEGINNING)}, ${rest} MiB up to ${megabytes(inBytes)}, ` +
        `${outLines} lines out, ${megabytes(inBytes / seconds)} a second`,
    );
    if (rest > beginning + MOST_MORE_MIB || outLines !== each.linesOut(inBytes)) isFlat = false;
  }
  return isFlat;
}

/** Returns the 90th percentile: a late garbage collection on a busy machine does not count as growth. */
const usualMost = (looks: readonly number[]): number =>
  looks.toSorted((a, b) => a - b)[Math.floor(looks.length * 0.9)] ?? 0;

const megabytes = (bytes: number): string => `${Math.round(bytes / 1e6)} MB`;

interface Memory {
  /** The resident memory at each number of bytes of input. */
  readonly looks: readonly { readonly at: number; readonly mib: number }[];
  readonly inBytes: number;
  readonly outLines: number;
  readonly seconds: number;
}

const TELL = `data:text/javascript,
  import { writeSync } from 'node:fs';
  setInterval(() => writeSync(3, process.memoryUsage.rss() + '\\n'), 20).unref();`;

const LINE_BREAK = 0x0a;

/** Pipes at least that many bytes into the command, no faster than it reads, and reads everything that it writes. */
async function memoryOf({ args, lines, header }: Case, bytes: number): Promise<Memory> {
  const command = ['--import', TELL, join(REPOSITORY, 'infra/cli/main.ts'), 'sql', ...args];
  const begun = performance.now();
  const child = spawn(process.execPath, command, { stdio: ['pipe', 'pipe', 'pipe', 'pipe'] });
  const [stdin, stdout, stderr, memory] = child.stdio;
  const ended = once(child, 'close');
  let [inBytes, outLines] = [header.length, 0];
  const looks: { at: number; mib: number }[] = [];
  for (const stream of [stdout, stderr])
    stream.on('data', (chunk: Buffer) => {
      for (let at = chunk.indexOf(LINE_BREAK); at !== -1; at = chunk.indexOf(LINE_BREAK, at + 1)) outLines += 1;
    });
  (memory as typeof stdout).on('data', (chunk: Buffer) => {
    for (const look of chunk.toString().trim().split('\n'))
      looks.push({ at: inBytes, mib: Math.round(Number(look) / 2 ** 20) });
  });
  stdin.write(header);
  for (; inBytes < bytes; inBytes += lines.length) if (!stdin.write(lines)) await once(stdin, 'drain');
  stdin.end();
  await ended;
  return { looks, inBytes, outLines, seconds: (performance.now() - begun) / 1000 };
}

if (import.meta.main) {
  const [gigabytes] = process.argv.slice(2);
  if (!(await sqlMemory(gigabytes === undefined ? LONG_BYTES : Number(gigabytes) * 1e9))) process.exitCode = 1;
}
