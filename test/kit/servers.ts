import { startFauxqs } from 'fauxqs';
import pg from 'pg';
import {
  type PostgresServer as LocalServer,
  startPostgres as startLocal,
} from '../../infra/local/servers/postgres-server.ts';

/** A real Postgres 18 on 127.0.0.1. Its directory is removed when it stops. */
export interface PostgresServer extends Omit<LocalServer, 'createDatabase'> {
  /** Creates an empty database for one test. */
  createDatabase(): Promise<string>;
  /** Connects a client, which the test has to end. */
  connect(database: string): Promise<pg.Client>;
}

/** S3 and SQS in memory, on 127.0.0.1. */
export interface S3Server {
  readonly endpoint: string;
  createBucket(name: string): void;
  stop(): Promise<void>;
}

/** Starts a Postgres server. `flags` are the server's own, such as `['-c', 'fsync=on']`. */
export async function startPostgres(settings: { readonly flags?: readonly string[] } = {}): Promise<PostgresServer> {
  const server = await startOnAnyPort(settings);
  const { host, port, user, password } = server;
  let databases = 0;
  return {
    ...server,
    async createDatabase() {
      const name = `test_${++databases}`;
      await server.createDatabase(name);
      return name;
    },
    async connect(database) {
      const client = new pg.Client({ host, port, user, password, database });
      client.on('error', () => undefined);
      await client.connect();
      return client;
    },
  };
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

/** Retries with another port: another server may take the port between probing and starting. */
async function startOnAnyPort(settings: { readonly flags?: readonly string[] }): Promise<LocalServer> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await startLocal(settings);
    } catch (error) {
      if (attempt === 3) throw error;
    }
  }
}
