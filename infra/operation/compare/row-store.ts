import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type DuckDBAppender, type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import type { Side } from './comparison.ts';
import { CREATE_TABLES } from './statements.ts';
import type { RowOrder, StoredEvent } from './stored-rows.ts';

/** A row as it is compared. */
export interface KeptRow {
  readonly id: string;
  readonly row: string;
  readonly order?: RowOrder | undefined;
  readonly event?: StoredEvent | undefined;
  /** True when the event deletes the row of its key. */
  readonly isRemoval?: boolean | undefined;
  /** The fields that the event does not have, though the row does: they are not compared. */
  readonly unknown?: readonly string[] | undefined;
}

/** The rows of both sinks, in a database on the disk. */
export interface RowStore extends AsyncDisposable {
  readonly folder: string;
  connect(): Promise<DuckDBConnection>;
  run(statement: string): Promise<void>;
  ask<Row>(statement: string): Promise<readonly Row[]>;
  /** Keeps rows of a sink, in place of those that are kept. */
  fill(side: Side, rows: AsyncIterable<readonly KeptRow[]>): Promise<void>;
  /** Opens the list of what unprocessed events are matched by. */
  openTouched(): Promise<Touched>;
}

export interface Touched extends Disposable {
  add(id: string): void;
}

const MEMORY = '512MiB';

/**
 * Opens a store in a folder of its own, which is removed with it. DuckDB sorts and groups in so much memory, and on the
 * disk beyond that.
 */
export async function openRowStore(): Promise<RowStore> {
  const folder = await mkdtemp(join(tmpdir(), 'millrace-compare-'));
  try {
    const instance = await DuckDBInstance.create(join(folder, 'rows.duckdb'), {
      threads: '2',
      memory_limit: MEMORY,
      temp_directory: join(folder, 'spilled'),
      home_directory: folder,
      preserve_insertion_order: 'false',
      autoinstall_known_extensions: 'false',
      autoload_known_extensions: 'false',
    });
    const connect = async (): Promise<DuckDBConnection> => {
      const connection = await instance.connect();
      await connection.run("SET TimeZone = 'UTC'");
      return connection;
    };
    const connection = await connect();
    await connection.run(CREATE_TABLES);
    return {
      folder,
      connect,
      run: async (statement) => {
        await connection.run(statement);
      },
      ask: async <Row>(statement: string) =>
        (await connection.runAndReadAll(statement)).getRowObjectsJson() as unknown as readonly Row[],
      async fill(side, rows) {
        await connection.run(`DELETE FROM stored WHERE side = '${side}'`);
        const appender = await connection.createAppender('stored');
        await append(appender, rows, (row) => appendRow(appender, side, row));
      },
      async openTouched() {
        const appender = await connection.createAppender('touched');
        let waiting = 0;
        return {
          add(id) {
            appender.appendVarchar(id);
            appender.endRow();
            waiting += 1;
            if (waiting % FLUSHED_ROWS === 0) appender.flushSync();
          },
          [Symbol.dispose]: () => appender.closeSync(),
        };
      },
      async [Symbol.asyncDispose]() {
        connection.closeSync();
        instance.closeSync();
        await rm(folder, { recursive: true, force: true });
      },
    };
  } catch (error) {
    await rm(folder, { recursive: true, force: true });
    throw error;
  }
}

const FLUSHED_ROWS = 20_000;

/** Appends rows in portions. `add` appends the values of one. */
async function append<Row>(
  appender: DuckDBAppender,
  portions: AsyncIterable<readonly Row[]>,
  add: (row: Row) => void,
): Promise<void> {
  try {
    let waiting = 0;
    for await (const rows of portions) {
      for (const row of rows) {
        add(row);
        appender.endRow();
      }
      waiting += rows.length;
      if (waiting < FLUSHED_ROWS) continue;
      appender.flushSync();
      waiting = 0;
    }
  } finally {
    appender.closeSync();
  }
}

function appendRow(appender: DuckDBAppender, side: Side, row: KeptRow): void {
  const { order, event, unknown } = row;
  appender.appendVarchar(side);
  appender.appendVarchar(row.id);
  for (const text of [order?.group, order?.from, order?.to, order?.at, event?.time]) appendText(appender, text);
  appender.appendBoolean(row.isRemoval === true);
  appendText(appender, unknown === undefined ? undefined : JSON.stringify(unknown));
  appendText(appender, event === undefined ? undefined : JSON.stringify(event));
  appender.appendVarchar(row.row);
}

function appendText(appender: DuckDBAppender, text: string | undefined): void {
  if (text === undefined) appender.appendNull();
  else appender.appendVarchar(text);
}
