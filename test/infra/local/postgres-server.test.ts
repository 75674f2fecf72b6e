import pg from 'pg';
import { expect, test } from 'vitest';
import { startPostgres } from '../../../infra/local/postgres-server.ts';
import { startServers } from '../../../infra/local/servers.ts';

test('a server of its own answers, and is gone when it is stopped', async () => {
  const server = await startPostgres();
  const { host, port, user, password } = server;
  await server.createDatabase('orders');
  const client = new pg.Client({ host, port, user, password, database: 'orders' });
  await client.connect();
  expect((await client.query('SHOW server_version')).rows[0]).toMatchObject({
    server_version: expect.stringMatching(/^18/),
  });
  await client.end();
  await server.stop();
  await expect(new pg.Client({ host, port, user, password }).connect()).rejects.toThrow(/ECONNREFUSED/);
});

test('a port that is in use is said in one line with the fix, and nothing stays running', async () => {
  const taken = await startPostgres();
  const running = new AsyncDisposableStack();
  await expect(startServers({ postgres: taken.port }, running)).rejects.toThrow(
    `port ${taken.port} for Postgres is in use: end what listens there, or give another port`,
  );
  await running.disposeAsync();
  await taken.stop();
});
