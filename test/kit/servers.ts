import { buildApp } from 'fauxqs';
import pg from 'pg';
import {
  type PostgresServer as LocalServer,
  startPostgres as startLocal,
} from '../../infra/local/servers/postgres-server.ts';
import { startStorage } from '../../infra/local/servers/storage-server.ts';

/** A real Postgres 18 on 127.0.0.1. Its directory is removed when it stops. */
export interface PostgresServer extends Omit<LocalServer, 'createDatabase'> {
  /** Creates an empty database for one test. */
  createDatabase(): Promise<string>;
  /** Connects a client, which the test has to end. */
  connect(database: string): Promise<pg.Client>;
}

/** S3 and SQS on 127.0.0.1. */
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
  return startStorage({ region: 'us-east-1' });
}

/** An S3 that is not ours, to compare ours with. */
export async function startOtherS3(): Promise<Pick<S3Server, 'endpoint' | 'stop'>> {
  const server = buildApp({ logger: false });
  return { endpoint: await server.listen({ port: 0, host: '127.0.0.1' }), stop: () => server.close() };
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
