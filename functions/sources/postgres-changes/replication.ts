import type { Socket } from 'node:net';
import pg from 'pg';
import { socketOf } from '../../clients/postgres.ts';
import { openLogin, type PostgresServer, tlsOptions } from '../../clients/postgres-login.ts';
import { UserMistake } from '../../runtime/errors.ts';
import { type Frames, openFrames } from './frames.ts';
import { formatLsn, type Lsn } from './lsn.ts';

/** A connection to the server's log. */
export interface Replication {
  /** Runs a statement or a command of the replication protocol. Not while the log is read. */
  query(text: string): Promise<readonly Readonly<Record<string, string | null>>[]>;
  /**
   * Starts to read the log through a slot, from an LSN on. Throws when the server refuses.
   */
  start(from: StartFrom): Promise<LogReader>;
  close(): void;
}

export interface StartFrom {
  readonly slot: string;
  readonly publication: string;
  readonly lsn: Lsn;
}

export interface LogReader {
  /**
   * Resolves once bytes have come that `frames` has not seen, to true; to false when none came in this time. Rejects
   * when the connection has ended.
   */
  more(millis: number): Promise<boolean>;
  /** The messages that have come. */
  readonly frames: Frames;
  /** Tells the server that everything up to this LSN is in the stream. It is told so again every ten seconds. */
  acknowledge(lsn: Lsn): void;
}

/** The meaning of a text must not depend on how a server is configured. */
const SETTINGS = [
  'TimeZone=UTC',
  'DateStyle=ISO,MDY',
  'IntervalStyle=iso_8601',
  'extra_float_digits=3',
  'bytea_output=hex',
]
  .map((setting) => `-c ${setting}`)
  .join(' ');

const CONNECT_MILLIS = 10_000;
const GOODBYE_MILLIS = 1_000;

/**
 * Connects to the log of a database. `name` is what the server shows in its list of connections: by it the next reader
 * knows a connection that an earlier one has left.
 */
export async function connectReplication(
  server: PostgresServer,
  { name, signal }: { readonly name: string; readonly signal: AbortSignal },
): Promise<Replication> {
  const login = openLogin(server);
  try {
    return await connect(server, { name, signal, password: await login.password() });
  } catch (error) {
    if (!isRefusedLogin(error) || !login.renew()) throw error;
    return connect(server, { name, signal, password: await login.password() });
  }
}

function isRefusedLogin(error: unknown): boolean {
  return error instanceof pg.DatabaseError && error.code === '28P01';
}

async function connect(
  server: PostgresServer,
  { name, signal, password }: { readonly name: string; readonly signal: AbortSignal; readonly password: string },
): Promise<Replication> {
  const { host, port, database, user } = server;
  const settings = {
    host,
    port,
    database,
    user,
    password,
    ssl: tlsOptions(server),
    application_name: name,
    options: SETTINGS,
    keepAlive: true,
    keepAliveInitialDelayMillis: 10_000,
    connectionTimeoutMillis: CONNECT_MILLIS,
    replication: 'database',
  };
  const client = new pg.Client(settings);
  // While the log is read, the reader itself sees that the connection has ended.
  client.on('error', () => undefined);
  const close = (): void => {
    signal.removeEventListener('abort', destroy);
    client.end().catch(() => undefined);
    const socket = socketOf(client);
    // What the server has sent already is in the way of its goodbye.
    socket.removeAllListeners('data');
    socket.resume();
    setTimeout(() => socket.destroy(), GOODBYE_MILLIS).unref();
  };
  const destroy = (): void => {
    socketOf(client).destroy(signal.reason as Error);
  };
  signal.addEventListener('abort', destroy, { once: true });
  try {
    signal.throwIfAborted();
    await client.connect();
    return {
      async query(text) {
        const { rows } = await client.query<Record<string, string | null>>({ text, types: AS_WRITTEN });
        return rows;
      },
      start: (from) => startReading(socketOf(client), from),
      close,
    };
  } catch (error) {
    close();
    throw signal.aborted ? signal.reason : explained(error, user);
  }
}

/** `insufficient_privilege`: a user without the right is refused before it could ask which right is missing. */
const NO_RIGHT = '42501';

function explained(error: unknown, user: string): unknown {
  if (!(error instanceof pg.DatabaseError) || error.code !== NO_RIGHT) return error;
  const role = pg.escapeIdentifier(user);
  return new UserMistake(
    `the user ${user} may not read the log (${error.message}): alter role ${role} replication; on RDS: grant rds_replication to ${role}`,
  );
}

const AS_WRITTEN = { getTypeParser: () => (text: string | Buffer) => String(text) };

const KIND = { copyBoth: 0x57, error: 0x45 } as const;

const START_MILLIS = 60_000;

/** The socket is paused while more has come than this and nobody has read it. */
const MOST_WAITING_BYTES = 1024 * 1024;

/** The server ends a connection that says nothing for `wal_sender_timeout`, one minute by default. */
const SAY_EVERY_MILLIS = 10_000;

/**
 * Takes the socket over from the client: its own parser makes an object of each message, which a reader of the log
 * cannot afford.
 */
async function startReading(socket: Socket, from: StartFrom): Promise<LogReader> {
  const frames = openFrames();
  const chunks: Buffer[] = [];
  let waitingBytes = 0;
  let ended: Error | undefined;
  let wake: () => void = () => undefined;
  let acknowledged = from.lsn;
  const say = (): void => {
    if (socket.writable) socket.write(statusUpdate(acknowledged));
  };
  // Also while nobody reads: an append may take longer than the server waits for a word.
  const saying = setInterval(say, SAY_EVERY_MILLIS);
  const onEnd = (error?: Error): void => {
    ended ??= error ?? new Error('the database has closed the connection to its log');
    clearInterval(saying);
    wake();
  };
  socket.removeAllListeners('data');
  socket.on('data', (chunk: Buffer) => {
    chunks.push(chunk);
    waitingBytes += chunk.length;
    if (waitingBytes > MOST_WAITING_BYTES) socket.pause();
    wake();
  });
  socket.once('error', onEnd);
  socket.once('close', () => onEnd());

  const woken = (millis: number): Promise<void> =>
    new Promise((resolve) => {
      const late = setTimeout(resolve, millis);
      wake = () => {
        clearTimeout(late);
        resolve();
      };
    });
  const more = async (millis: number): Promise<boolean> => {
    if (chunks.length === 0 && ended === undefined) await woken(millis);
    const chunk = chunks.shift();
    if (chunk === undefined) {
      if (ended !== undefined) throw ended;
      return false;
    }
    waitingBytes -= chunk.length;
    if (waitingBytes <= MOST_WAITING_BYTES && socket.isPaused()) socket.resume();
    frames.feed(chunk);
    return true;
  };

  socket.write(queryMessage(startStatement(from)));
  await untilStarted({ frames, more }, from.slot);
  return {
    frames,
    more,
    acknowledge(to) {
      if (to > acknowledged) acknowledged = to;
      say();
    },
  };
}

/** Reads the server's answer to START_REPLICATION. */
async function untilStarted({ frames, more }: Pick<LogReader, 'frames' | 'more'>, slot: string): Promise<void> {
  for (;;) {
    while (frames.next()) {
      if (frames.kind === KIND.copyBoth) return;
      if (frames.kind === KIND.error) throw errorIn(frames);
    }
    if (!(await more(START_MILLIS)))
      throw new Error(`the database does not answer START_REPLICATION for the slot ${slot}`);
  }
}

function startStatement({ slot, publication, lsn }: StartFrom): string {
  return `START_REPLICATION SLOT ${slot} LOGICAL ${formatLsn(lsn)} (proto_version '1', publication_names ${pg.escapeLiteral(pg.escapeIdentifier(publication))}, messages 'true')`;
}

function queryMessage(text: string): Buffer {
  const body = Buffer.from(`${text}\0`);
  const message = Buffer.alloc(5 + body.length);
  message[0] = 0x51;
  message.writeInt32BE(4 + body.length, 1);
  body.copy(message, 5);
  return message;
}

/** 2000-01-01, in milliseconds since 1970. */
const POSTGRES_EPOCH_MILLIS = Date.UTC(2000, 0, 1);

/** A Standby status update: what was received, stored and applied, and when. It asks for no reply. */
function statusUpdate(lsn: Lsn): Buffer {
  const message = Buffer.alloc(39);
  message[0] = 0x64;
  message.writeInt32BE(38, 1);
  message[5] = 0x72;
  for (const at of [6, 14, 22]) message.writeBigUInt64BE(lsn, at);
  message.writeBigInt64BE(BigInt(Date.now() - POSTGRES_EPOCH_MILLIS) * 1000n, 30);
  return message;
}

/** Makes an error of an ErrorResponse: fields of a letter and a text. */
export function errorIn({ bytes, start, end }: Frames): pg.DatabaseError {
  const fields = new Map<string, string>();
  for (let at = start; at < end && bytes[at] !== 0; ) {
    const textEnd = bytes.indexOf(0, at + 1);
    fields.set(String.fromCharCode(bytes[at] as number), bytes.toString('utf8', at + 1, textEnd));
    at = textEnd + 1;
  }
  const error = new pg.DatabaseError(fields.get('M') ?? 'an error without a message', end - start, 'error');
  error.code = fields.get('C');
  return error;
}
