import { mkdirSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { threadId } from 'node:worker_threads';
import type { DuckDBConnection } from '@duckdb/node-api';

/** DuckDB in this process, with a folder for files that live as long as a statement. */
export interface DuckDb {
  readonly folder: string;
  /**
   * Runs work that uses the folder, after all work before it: one conversion takes the whole processor, and as much
   * memory as there is for it. Throws when the signal aborts; then nothing of the work goes on.
   */
  exclusively<Result>(work: (run: Run) => Promise<Result>, signal: AbortSignal): Promise<Result>;
}

/** Runs a statement, and resolves to the rows of its result, with their values as JSON. */
export type Run = (statement: string) => Promise<readonly (readonly unknown[])[]>;

let opened: Promise<DuckDb> | undefined;

/** Opens DuckDB once in a process. Its library is loaded only then: it has 70 MB. */
export function openDuckDb(): Promise<DuckDb> {
  opened ??= open().catch((error: unknown) => {
    opened = undefined;
    throw error;
  });
  return opened;
}

/**
 * What a function with 1,769 MB can spare: two slices are in memory beside it, and Lambda's disk of 512 MB also has the
 * lines and rows of a file.
 */
const MEMORY = '400MiB';
const DISK = '96MiB';

async function open(): Promise<DuckDb> {
  const { DuckDBInstance } = await import('@duckdb/node-api');
  const folder = ownFolder();
  const instance = await DuckDBInstance.create(':memory:', {
    threads: '1',
    memory_limit: MEMORY,
    temp_directory: join(folder, 'spilled'),
    max_temp_directory_size: DISK,
    home_directory: folder,
    // Rows stay in the order of the log.
    preserve_insertion_order: 'true',
    autoinstall_known_extensions: 'false',
    autoload_known_extensions: 'false',
  });
  const connection = await instance.connect();
  await connection.run("SET TimeZone = 'UTC'");
  await connection.run('SET lock_configuration = true');
  let before: Promise<unknown> = Promise.resolve();
  return {
    folder,
    exclusively(work, signal) {
      const mine = before.then(() => {
        signal.throwIfAborted();
        return work((statement) => runUnless(connection, statement, signal));
      });
      before = mine.catch(() => undefined);
      return mine;
    },
  };
}

async function runUnless(
  connection: DuckDBConnection,
  statement: string,
  signal: AbortSignal,
): Promise<readonly (readonly unknown[])[]> {
  signal.throwIfAborted();
  const interrupt = (): void => connection.interrupt();
  signal.addEventListener('abort', interrupt, { once: true });
  try {
    return (await connection.runAndReadAll(statement)).getRowsJson();
  } catch (error) {
    signal.throwIfAborted();
    throw error;
  } finally {
    signal.removeEventListener('abort', interrupt);
  }
}

const FOLDER = 'millrace-parquet-';

/**
 * Makes a folder for this thread of the process, and removes those of processes that have died: Lambda may start the
 * next process of a function, under the same id, on the disk of one that was killed.
 */
function ownFolder(): string {
  const own = `${FOLDER}${process.pid}-${threadId}`;
  for (const name of readdirSync(tmpdir()).filter((found) => found.startsWith(FOLDER))) {
    const pid = Number.parseInt(name.slice(FOLDER.length), 10);
    if (name === own || !isAlive(pid)) rmSync(join(tmpdir(), name), { recursive: true, force: true });
  }
  const folder = join(tmpdir(), own);
  mkdirSync(folder);
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    // Of a process of another user, which is alive.
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
