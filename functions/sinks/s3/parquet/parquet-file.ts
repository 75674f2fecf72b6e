import { closeSync, openSync, writeSync } from 'node:fs';
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { EventRejected } from '../../../runtime/errors.ts';
import { LINE_FEED } from '../../../runtime/json/json-bytes.ts';
import { type Rejection, rejectionOf } from '../../../runtime/rejection.ts';
import type { PlannedFile } from '../files.ts';
import type { S3Options } from '../options.ts';
import type { ContentOf, FileContent } from '../write-files.ts';
import type { ParquetColumn } from './column-types.ts';
import { type DuckDb, openDuckDb, type Run } from './duckdb.ts';
import { exactLine } from './exact-line.ts';
import { type Statements, statementsFor } from './statements.ts';

/**
 * Returns how files are made. DuckDB reads the lines as they are in the log, which takes a fraction of the time that
 * JavaScript would take. It is lenient: it rounds 1.5 to a whole number. So its statement fails when a value may not
 * be what DuckDB takes it for, and then JavaScript reads each event exactly, and finds those that must be rejected.
 */
export function parquetFiles(
  columns: readonly ParquetColumn[],
  lines: S3Options['lines'],
  statements: Statements = statementsFor(columns, lines),
): ContentOf {
  return async (file, signal) => {
    const duckdb = await openDuckDb();
    const conversion: FileConversion = { file, columns, lines, statements, duckdb };
    return duckdb.exclusively(
      async (run) => (await fileAsItIs(conversion, run)) ?? (await exactFile(conversion, run, signal)),
      signal,
    );
  };
}

interface FileConversion {
  readonly file: PlannedFile;
  readonly columns: readonly ParquetColumn[];
  readonly lines: S3Options['lines'];
  readonly statements: Statements;
  readonly duckdb: DuckDb;
}

/** Resolves to undefined when DuckDB's reading of the lines is not certain to be exact. */
async function fileAsItIs({ file, statements, duckdb }: FileConversion, run: Run): Promise<FileContent | undefined> {
  const { asTheyAre } = statements;
  if (asTheyAre === undefined) return undefined;
  const content = await converted(duckdb, (conversion) => {
    const longestLine = writeLines(conversion.from, file.lines);
    return attempted(run, asTheyAre({ ...conversion, longestLine }));
  });
  return content && { body: content, rejections: [] };
}

/** Tells whether a statement succeeded. It may fail of any value: the exact statement then shows what was wrong. */
async function attempted(run: Run, statement: string): Promise<boolean> {
  return run(statement).then(
    () => true,
    () => false,
  );
}

async function exactFile(
  { file, columns, lines, statements, duckdb }: FileConversion,
  run: Run,
  signal: AbortSignal,
): Promise<FileContent> {
  const rejections: Rejection[] = [];
  const exactLines = function* (): Generator<Uint8Array> {
    for (const event of file.events) {
      signal.throwIfAborted();
      try {
        yield Buffer.from(exactLine(event, columns, lines));
      } catch (error) {
        if (!(error instanceof EventRejected)) throw error;
        rejections.push(rejectionOf(event, error));
      }
    }
  };
  // A file without a row is written too: another version of the schema may have begun it with rows.
  const body = await converted(duckdb, async (conversion) => {
    const longestLine = writeLines(conversion.from, exactLines());
    await run(statements.exact({ ...conversion, longestLine }));
    return true;
  });
  if (body === undefined) throw new Error(`the file ${file.key} was not written`);
  return { body, rejections };
}

/** Gives a conversion its two files, and resolves to what it wrote. Undefined: it could not convert. */
async function converted(
  { folder }: DuckDb,
  convert: (conversion: { readonly from: string; readonly to: string }) => Promise<boolean>,
): Promise<Buffer | undefined> {
  const [from, to] = [join(folder, 'lines.ndjson'), join(folder, 'rows.parquet')];
  try {
    return (await convert({ from, to })) ? await readFile(to) : undefined;
  } finally {
    await Promise.all([from, to].map((path) => rm(path, { force: true })));
  }
}

const BLOCK_BYTES = 1024 * 1024;

/** Writes lines to a file, and returns the bytes of the longest. */
function writeLines(path: string, lines: Iterable<Uint8Array>): number {
  const file = openSync(path, 'w');
  const block = Buffer.allocUnsafe(BLOCK_BYTES);
  let filled = 0;
  let longest = 0;
  const flush = (): void => {
    writeAll(file, block.subarray(0, filled));
    filled = 0;
  };
  try {
    for (const line of lines) {
      longest = Math.max(longest, line.length);
      if (filled + line.length + 1 > block.length) flush();
      if (line.length + 1 > block.length) {
        writeAll(file, line);
        writeAll(file, Buffer.of(LINE_FEED));
        continue;
      }
      block.set(line, filled);
      filled += line.length;
      block[filled++] = LINE_FEED;
    }
    flush();
  } finally {
    closeSync(file);
  }
  return longest;
}

/** A write to a full disk may take a part of the bytes only. */
function writeAll(file: number, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length; ) at += writeSync(file, bytes, at);
}
