import type { Socket } from 'node:net';
import pg from 'pg';
import { from as copyFrom } from 'pg-copy-streams';
import { openLogin, type PostgresServer, tlsOptions } from './postgres-login.ts';

/**
 * One connection to a database, opened when it is first needed, kept between invocations, and opened again when it
 * broke.
 */
export interface Database {
  /**
   * Runs `work` on the connection, one after the other. When `work` throws or the signal aborts, nobody knows in which
   * state the connection is: it is closed, which rolls back what is open, and the next use opens another.
   */
  use<T>(signal: AbortSignal, work: (client: pg.ClientBase) => Promise<T>): Promise<T>;
  close(): Promise<void>;
}

/** `name`: shown by the database among its connections. */
export function openDatabase(server: PostgresServer, name: string): Database {
  const connect = connector(server, name);
  let kept: Connection | undefined;
  let previous: Promise<unknown> = Promise.resolve();

  const useNow = async <T>(signal: AbortSignal, work: (client: pg.ClientBase) => Promise<T>): Promise<T> => {
    signal.throwIfAborted();
    const aborted = Promise.withResolvers<never>();
    // Nobody may be listening any more when it rejects.
    aborted.promise.catch(() => undefined);
    let connection: Connection | undefined;
    const abort = (): void => {
      // At once: `work` may be about to say more.
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
      // Before Postgres 14, and on Windows, a server finds out about a client that has gone only when the statement
      // ends.
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
 * What a text means must not depend on how a server is set up. The time-outs end what a function left behind that died
 * without a word, so that its locks do not outlive it by much; a living one hangs up by itself. Lambda's longest
 * timeout is 15 minutes.
 */
const SESSION = `SET TimeZone = 'UTC'; SET DateStyle = 'ISO, MDY'; SET standard_conforming_strings = on;
  SET client_min_messages = warning; SET statement_timeout = '15min'; SET idle_in_transaction_session_timeout = '1min';
  SET tcp_keepalives_idle = 10; SET tcp_keepalives_interval = 5; SET tcp_keepalives_count = 3`;

function isRefusedLogin(error: unknown): boolean {
  return error instanceof pg.DatabaseError && (error.code === '28P01' || error.code === '28000');
}

/**
 * A connection that was left alone for longer is asked before it is used: it may have died while the function was
 * frozen.
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

/** With a statement running, `end` destroys the socket instead of waiting for it. */
function hangUp({ client }: Connection): void {
  client.end().catch(() => undefined);
}

/** Rows on their way into a table, as large chunks in COPY's text format. */
export interface CopyIn {
  /**
   * Resolves when there is room for the next chunk; true: this one is on its way, and its memory may be used again.
   * Rejects when the server has refused the rows.
   */
  write(chunk: Uint8Array): Promise<boolean>;
  /** Resolves when the rows are in the table. */
  finish(): Promise<void>;
}

/**
 * `statement`: a COPY … FROM STDIN. After a rejection the client is ready for the next statement, such as a ROLLBACK
 * TO.
 */
export function copyIn(client: pg.ClientBase, statement: string): CopyIn {
  const stream = client.query(copyFrom(statement));
  const failure = Promise.withResolvers<never>();
  failure.promise.catch(() => undefined);
  stream.on('error', failure.reject);
  return {
    write: (chunk) =>
      // One chunk at a time: pg-copy-streams would throw in a socket's event handler if it held more when an error
      // comes.
      Promise.race([
        failure.promise,
        new Promise<boolean>((resolve) => stream.write(chunk, () => resolve(socketOf(client).writableLength === 0))),
      ]),
    finish: () => Promise.race([failure.promise, new Promise<void>((resolve) => stream.end(() => resolve()))]),
  };
}

/** pg's types do not show the socket. */
function socketOf(client: pg.ClientBase): Socket {
  return (client as unknown as { readonly connection: { readonly stream: Socket } }).connection.stream;
}
