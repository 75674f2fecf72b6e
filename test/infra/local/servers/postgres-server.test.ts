import { spawn } from 'node:child_process';
import { join } from 'node:path';
import pg from 'pg';
import { expect, test } from 'vitest';
import { startPostgres } from '../../../../infra/local/servers/postgres-server.ts';
import { startServers } from '../../../../infra/local/servers/servers.ts';
import { REPOSITORY } from '../../../../infra/repository.ts';
import { eventually } from '../../../eventually.ts';

test('a server answers until it is stopped', async () => {
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

test('a port that is in use gives a one-line error with the fix, and nothing keeps running', async () => {
  const taken = await startPostgres();
  const running = new AsyncDisposableStack();
  await expect(startServers({ postgres: taken.port }, running)).rejects.toThrow(
    `port ${taken.port} for Postgres is in use: stop the process that listens on it, or choose another port`,
  );
  await running.disposeAsync();
  await taken.stop();
});

test('a server ends with the process that started it, even when that process is killed', async () => {
  const script = `
    import { startPostgres } from '${join(REPOSITORY, 'infra/local/servers/postgres-server.ts')}';
    const server = await startPostgres();
    console.log(server.port);
    setInterval(() => undefined, 1000);
  `;
  const starter = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const port = await new Promise<number>((resolve) => starter.stdout.once('data', (line) => resolve(Number(line))));
  const login = { host: '127.0.0.1', port, user: 'millrace', password: 'local', database: 'postgres' };
  const connect = () => {
    const client = new pg.Client(login);
    client.on('error', () => undefined);
    return client.connect();
  };
  await connect();
  starter.kill('SIGKILL');
  await eventually(() => expect(connect()).rejects.toThrow(/ECONNREFUSED/));
});
