import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { copyIn, type Database, openDatabase } from '../../../functions/clients/postgres.ts';
import { PostgresServer } from '../../../functions/clients/postgres-login.ts';
import { type FaultyNetwork, startFaultyNetwork } from '../../contracts/faulty-network.ts';
import { useEndpoint } from '../../contracts/source-harnesses.ts';
import { eventually, noDeadline } from '../../eventually.ts';
import { type PostgresServer as Server18, startPostgres } from '../../kit/servers.ts';

let server: Server18;
let network: FaultyNetwork;
let database: Database;
let admin: pg.Client;

beforeAll(async () => {
  server = await startPostgres();
  network = await startFaultyNetwork(server.port);
  admin = await server.connect('postgres');
});

afterAll(async () => {
  await admin.end();
  await network.stop();
  await server.stop();
});

beforeEach(() => {
  const { host, user, password } = server;
  const given = { host, port: network.port, user, database: 'postgres', auth: { password }, tls: 'off' };
  database = openDatabase(PostgresServer.parse(given), 'test/step');
});

afterEach(() => database.close());

const soon = (): AbortSignal => noDeadline();

const backend = (client: pg.ClientBase): Promise<number> =>
  client.query('SELECT pg_backend_pid() AS pid').then(({ rows }) => rows[0].pid);

/** Resolves when the server has no such process any more. */
async function gone(pid: number): Promise<void> {
  for (;;) {
    const { rowCount } = await admin.query('SELECT FROM pg_stat_activity WHERE pid = $1', [pid]);
    if (rowCount === 0) return;
  }
}

describe('a connection', () => {
  test('is kept from one use to the next', async () => {
    const first = await database.use(soon(), backend);
    expect(await database.use(soon(), backend)).toBe(first);
  });

  test('shows its step to the database, and reads times as UTC whatever the server says', async () => {
    const shown = await database.use(soon(), (client) =>
      client.query(
        `SELECT application_name AS name, '2026-11-22'::timestamptz::text AS day FROM pg_stat_activity WHERE pid = pg_backend_pid()`,
      ),
    );
    expect(shown.rows).toEqual([{ name: 'millrace test/step', day: '2026-11-22 00:00:00+00' }]);
  });

  test('is opened again when the server has closed it', async () => {
    const first = await database.use(soon(), backend);
    await admin.query('SELECT pg_terminate_backend($1)', [first]);
    await gone(first);
    await eventually(async () => expect(await database.use(soon(), backend)).not.toBe(first));
  });

  test('is opened again when it broke unnoticed while idle', async () => {
    const first = await database.use(soon(), backend);
    network.fallSilent();
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 60_000 });
    try {
      expect(await database.use(soon(), backend)).not.toBe(first);
    } finally {
      vi.useRealTimers();
    }
  });

  test('is closed when work on it fails, which rolls back an open transaction', async () => {
    await admin.query('CREATE TABLE begun (n int)');
    const failing = database.use(soon(), async (client) => {
      await client.query('BEGIN; INSERT INTO begun VALUES (1)');
      throw new Error('half-way');
    });
    await expect(failing).rejects.toThrow('half-way');
    const { rows } = await database.use(soon(), (client) => client.query('SELECT * FROM begun'));
    expect(rows).toEqual([]);
    // Would wait for the lock of a transaction that is still open.
    await admin.query('DROP TABLE begun');
  });

  test('is used by one caller at a time, in turn', async () => {
    const steps: string[] = [];
    const use = (name: string) =>
      database.use(soon(), async (client) => {
        steps.push(`${name} begins`);
        await client.query('SELECT pg_sleep(0.02)');
        steps.push(`${name} ends`);
      });
    await Promise.all([use('a'), use('b')]);
    expect(steps).toEqual(['a begins', 'a ends', 'b begins', 'b ends']);
  });
});

describe('an aborted use', () => {
  test('ends at once, its statement in the server too, and the next one works', async () => {
    const ending = new AbortController();
    let pid = 0;
    const sleeping = database.use(ending.signal, async (client) => {
      pid = await backend(client);
      const sleep = client.query('SELECT pg_sleep(600)');
      ending.abort(new Error('the invocation ends'));
      return sleep;
    });
    await expect(sleeping).rejects.toThrow('the invocation ends');
    await gone(pid);
    expect(await database.use(soon(), backend)).not.toBe(pid);
  });

  test('in the middle of a COPY leaves no row', async () => {
    await admin.query('CREATE TABLE copied (n int)');
    const ending = new AbortController();
    let pid = 0;
    const copying = database.use(ending.signal, async (client) => {
      pid = await backend(client);
      const copy = copyIn(client, 'COPY copied FROM STDIN');
      await copy.write(Buffer.from('1\n2\n'));
      ending.abort(new Error('the invocation ends'));
      await copy.finish();
    });
    await expect(copying).rejects.toThrow('the invocation ends');
    await gone(pid);
    expect((await admin.query('SELECT * FROM copied')).rows).toEqual([]);
  });

  test('does not begin when it is aborted before its turn', async () => {
    const aborted = AbortSignal.abort(new Error('too late'));
    await expect(database.use(aborted, backend)).rejects.toThrow('too late');
  });
});

describe('a COPY', () => {
  test('that is rejected leaves the connection ready, with nothing of it in the next one', async () => {
    const rows = await database.use(soon(), async (client) => {
      await client.query('CREATE TEMPORARY TABLE t (n int); BEGIN; SAVEPOINT s');
      const refused = copyIn(client, 'COPY t FROM STDIN');
      const chunk = Buffer.from('1\n'.repeat(100_000));
      const writing = async () => {
        await refused.write(Buffer.from('x\n'));
        for (let count = 0; count < 50; count++) await refused.write(chunk);
        await refused.finish();
      };
      await expect(writing()).rejects.toMatchObject({ code: '22P02' });
      await client.query('ROLLBACK TO s');
      const taken = copyIn(client, 'COPY t FROM STDIN');
      await taken.write(Buffer.from('2\n3\n'));
      await taken.finish();
      return (await client.query('SELECT n FROM t')).rows;
    });
    expect(rows).toEqual([{ n: 2 }, { n: 3 }]);
  });
});

describe('a password in Secrets Manager', () => {
  let secrets: Server;
  let asked: string[];
  let answers: string[];
  let closeEnvironment: () => void;

  beforeAll(async () => {
    secrets = createServer((request, response) => {
      let body = '';
      request.on('data', (chunk) => {
        body += chunk;
      });
      request.on('end', () => {
        asked.push(`${request.headers['x-amz-target']} ${JSON.parse(body).SecretId}`);
        const SecretString = answers.length > 1 ? answers.shift() : answers[0];
        response.setHeader('content-type', 'application/x-amz-json-1.1');
        response.end(JSON.stringify({ SecretString }));
      });
    });
    secrets.listen(0, '127.0.0.1');
    await once(secrets, 'listening');
    closeEnvironment = useEndpoint(`http://127.0.0.1:${(secrets.address() as AddressInfo).port}`);
  });

  afterAll(() => {
    closeEnvironment();
    secrets.closeAllConnections();
    secrets.close();
  });

  const open = (given: readonly string[]): Database => {
    asked = [];
    answers = [...given];
    const { host, port, user } = server;
    return openDatabase(
      PostgresServer.parse({ host, port, user, database: 'postgres', auth: { secret: 'arn' }, tls: 'off' }),
      'test',
    );
  };
  const json = (password: string) => JSON.stringify({ username: 'u', password, engine: 'postgres' });

  test.each([
    ['as RDS writes it', json],
    ['alone', (password: string) => password],
  ])('is understood %s, and read once', async (_, secretOf) => {
    const opened = open([secretOf(server.password)]);
    const first = await opened.use(soon(), backend);
    await admin.query('SELECT pg_terminate_backend($1)', [first]);
    await gone(first);
    await eventually(async () => expect(await opened.use(soon(), backend)).not.toBe(first));
    expect(asked).toEqual(['secretsmanager.GetSecretValue arn']);
    await opened.close();
  });

  test('is read again when the database rejects it, because it was rotated', async () => {
    const opened = open([json('of yesterday'), json(server.password)]);
    await opened.use(soon(), backend);
    expect(asked).toHaveLength(2);
    await opened.close();
  });

  test('that stays wrong is an error, after two tries', async () => {
    await expect(open([json('wrong')]).use(soon(), backend)).rejects.toThrow('password authentication failed');
    expect(asked).toHaveLength(2);
  });

  test('that is missing from its secret is an error that does not show the secret', async () => {
    const failing = open(['{"user":"u","pass":"local"}']).use(soon(), backend);
    await expect(failing).rejects.toThrow("the secret arn is JSON without a text in 'password'");
  });
});
