import type { Socket } from 'node:net';
import pg from 'pg';
import { from as copyFrom } from 'pg-copy-streams';
import { openLogin, type PostgresServer, tlsOptions } from './postgres-login.ts';

/** One connection to a database: opened on first use, kept between invocations, and opened again after it broke. */
export interface Database {
  /**
   * Runs `work` on the connection; calls wait for each other. When `work` throws or the signal aborts, the state of the
   * connection is unknown: it is closed, which rolls back an open transaction, and the next call opens another one.
   */
  use<T>(signal: AbortSignal, work: (client: pg.ClientBase) => Promise<T>): Promise<T>;
  close(): Promise<void>;
}

/** Opens nothing yet. `name` is what the database shows in its list of connections. */
export function openDatabase(server: PostgresServer, name: string): Database {
  const connect = connector(server, name);
  let kept: Connection | undefined;
  let previous: Promise<unknown> = Promise.resolve();

  const useNow = async <T>(signal: AbortSignal, work: (client: pg.ClientBase) => Promise<T>): Promise<T> => {
    signal.throwIfAborted();
    const aborted = Promise.withResolvers<never>();
    // After the race below has ended, nobody may be left to handle this rejection.
    aborted.promise.catch(() => undefined);
    let connection: Connection | undefined;
    const abort = (): void => {
      // At once, because `work` may be about to send another statement.
      if (connection !== undefined) hangUp(connection);
      aborted.reject(signal.reason);
    };
    signal.addEventListener('abort', abort, { once: true });
    const opening = reusable(kept).then((alive) => alive ?? connect());
    try {
      connection = await Promise.race([opening, aborted.promise]);
      kept = connection;
      const result = await Promise.race([work(connection.client), aborted.promise]);
      connection.usedMillis = Date.now();
      return result;
    } catch (error) {
      kept = undefined;
      void opening.then(hangUp, () => undefined);
      throw error;
    } finally {
      signal.removeEventListener('abort', abort);
    }
  };

  return {
    use(signal, work) {
      const turn = previous.then(() => useNow(signal, work));
      previous = turn.catch(() => undefined);
      return turn;
    },
    async close() {
      await previous;
      await kept?.client.end();
      kept = undefined;
    },
  };
}

/** A connection for one piece of work. */
export interface PostgresConnection {
  readonly client: pg.ClientBase;
  /** Closes the connection, which rolls back an open transaction. */
  close(): void;
}

/** Opens a connection. It is closed when the signal aborts: a statement that runs then fails. */
export async function connectPostgres(
  server: PostgresServer,
  name: string,
  signal: AbortSignal,
): Promise<PostgresConnection> {
  signal.throwIfAborted();
  const connection = await connector(server, name)();
  const close = (): void => {
    signal.removeEventListener('abort', close);
    hangUp(connection);
  };
  signal.addEventListener('abort', close, { once: true });
  if (signal.aborted) close();
  signal.throwIfAborted();
  return { client: connection.client, close };
}

interface Connection {
  readonly client: pg.Client;
  usedMillis: number;
  broken: boolean;
}

const CONNECT_MILLIS = 10_000;

function connector(server: PostgresServer, name: string): () => Promise<Connection> {
  const login = openLogin(server);
  const { host, port, database, user } = server;
  const connectOnce = async (): Promise<Connection> => {
    const client = new pg.Client({
      host,
      port,
      database,
      user,
      ssl: tlsOptions(server),
      password: () => login.password(),
      application_name: `millrace ${name}`.slice(0, 63),
      keepAlive: true,
      keepAliveInitialDelayMillis: 10_000,
      connectionTimeoutMillis: CONNECT_MILLIS,
    });
    const connection: Connection = { client, usedMillis: Date.now(), broken: false };
    client.on('error', () => {
      connection.broken = true;
    });
    try {
      await client.connect();
      await client.query(SESSION);
      // Postgres before 14, and on Windows, does not have this setting: there, a server notices that a client is gone
      // only when the statement ends.
      await client.query('SET client_connection_check_interval = 5000').catch(() => undefined);
      return connection;
    } catch (error) {
      hangUp(connection);
      throw error;
    }
  };
  return async () => {
    try {
      return await connectOnce();
    } catch (error) {
      if (!isRefusedLogin(error) || !login.renew()) throw error;
      return connectOnce();
    }
  };
}

/**
 * The settings of a session. The meaning of a text must not depend on how a server is configured. The time-outs end the
 * statements and transactions of a function that died without closing its connection, so that its locks do not outlive
 * it by much; a living function closes the connection itself. Lambda's longest timeout is 15 minutes.
 */
const SESSION = `SET TimeZone = 'UTC'; SET DateStyle = 'ISO, MDY'; SET standard_conforming_strings = on;
  SET client_min_messages = warning; SET statement_timeout = '15min'; SET idle_in_transaction_session_timeout = '1min';
  SET tcp_keepalives_idle = 10; SET tcp_keepalives_interval = 5; SET tcp_keepalives_count = 3`;

function isRefusedLogin(error: unknown): boolean {
  return error instanceof pg.DatabaseError && (error.code === '28P01' || error.code === '28000');
}

/**
 * A connection that was idle for longer is tested before use: it may have broken while Lambda had frozen the function.
 */
const TRUSTED_MILLIS = 30_000;
const ANSWER_MILLIS = 2_000;

async function reusable(connection: Connection | undefined): Promise<Connection | undefined> {
  if (connection === undefined || connection.broken) return undefined;
  if (Date.now() - connection.usedMillis < TRUSTED_MILLIS || (await answers(connection.client))) return connection;
  hangUp(connection);
  return undefined;
}

async function answers(client: pg.Client): Promise<boolean> {
  const silence = Promise.withResolvers<false>();
  const timer = setTimeout(() => silence.resolve(false), ANSWER_MILLIS);
  const answer = client.query('SELECT 1').then(
    () => true,
    () => false,
  );
  return Promise.race([answer, silence.promise]).finally(() => clearTimeout(timer));
}

/** Closes the connection. While a statement runs, `end` destroys the socket instead of waiting. */
function hangUp({ client }: Connection): void {
  client.end().catch(() => undefined);
}

/** A running COPY into a table. Chunks are in COPY's text format. */
export interface CopyIn {
  /**
   * Resolves when there is room for the next chunk: to true when this chunk has left the process, so that its memory
   * may be used again. Rejects when the server has rejected the rows.
   */
  write(chunk: Uint8Array): Promise<boolean>;
  /** Resolves when the rows are in the table. */
  finish(): Promise<void>;
}

/**
 * Starts `statement`, a COPY … FROM STDIN. After a rejection the client is ready for the next statement, such as
 * ROLLBACK TO.
 */
export function copyIn(client: pg.ClientBase, statement: string): CopyIn {
  const stream = client.query(copyFrom(statement));
  const failure = Promise.withResolvers<never>();
  failure.promise.catch(() => undefined);
  stream.on('error', failure.reject);
  return {
    write: (chunk) =>
      // One chunk at a time: pg-copy-streams throws in a socket's event handler when an error arrives while it has
      // more.
      Promise.race([
        failure.promise,
        new Promise<boolean>((resolve) => stream.write(chunk, () => resolve(socketOf(client).writableLength === 0))),
      ]),
    finish: () => Promise.race([failure.promise, new Promise<void>((resolve) => stream.end(() => resolve()))]),
  };
}

/** Returns the connection's socket, which pg's types do not show. */
export function socketOf(client: pg.ClientBase): Socket {
  return (client as unknown as { readonly connection: { readonly stream: Socket } }).connection.stream;
}
