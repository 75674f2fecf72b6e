import { spawn } from 'node:child_process';
import { readFile, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
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

test('the directory of a server is for its user alone, and every server has another password', async () => {
  const [one, other] = await Promise.all([startPostgres(), startPostgres()]);
  try {
    const client = new pg.Client({ ...loginOf(one), database: 'postgres' });
    await client.connect();
    const { data_directory } = (await client.query('SHOW data_directory')).rows[0] as { data_directory: string };
    await client.end();
    expect((await stat(dirname(data_directory))).mode & 0o777).toBe(0o700);
    expect(one.password.length).toBeGreaterThanOrEqual(20);
    expect(one.password).not.toBe(other.password);
    const guess = new pg.Client({ ...loginOf(one), password: 'local', database: 'postgres' });
    await expect(guess.connect()).rejects.toThrow(/password authentication failed/);
  } finally {
    await Promise.all([one.stop(), other.stop()]);
  }
});

test('a server that is killed is started again with its data, and that is said once', async () => {
  const notices: string[] = [];
  const server = await startPostgres({ onNotice: (line) => notices.push(line) });
  try {
    const client = new pg.Client({ ...loginOf(server), database: 'postgres' });
    client.on('error', () => undefined);
    await client.connect();
    await client.query('CREATE TABLE kept AS SELECT 42 AS n');
    const { data_directory } = (await client.query('SHOW data_directory')).rows[0] as { data_directory: string };
    const [pid] = (await readFile(join(data_directory, 'postmaster.pid'), 'utf8')).split('\n');
    process.kill(Number(pid), 'SIGKILL');
    await eventually(async () => {
      const again = new pg.Client({ ...loginOf(server), database: 'postgres' });
      again.on('error', () => undefined);
      await again.connect();
      expect((await again.query('SELECT n FROM kept')).rows).toEqual([{ n: 42 }]);
      await again.end();
    });
    await eventually(async () =>
      expect(notices).toEqual(['Postgres ended (SIGKILL); it is started again', 'Postgres runs again']),
    );
  } finally {
    await server.stop();
  }
});

function loginOf({ host, port, user, password }: Awaited<ReturnType<typeof startPostgres>>) {
  return { host, port, user, password };
}

test('a port that is in use gives a one-line error with the fix, and nothing keeps running', async () => {
  const taken = await startPostgres();
  const running = new AsyncDisposableStack();
  await expect(startServers({ ports: { postgres: taken.port } }, running)).rejects.toThrow(
    `port ${taken.port} for Postgres is in use: stop the process that listens on it, or choose another port`,
  );
  await running.disposeAsync();
  await taken.stop();
});

test('a server ends with the process that started it, even when that process is killed', async () => {
  const script = `
    import { startPostgres } from '${join(REPOSITORY, 'infra/local/servers/postgres-server.ts')}';
    const server = await startPostgres();
    console.log(JSON.stringify(server));
    setInterval(() => undefined, 1000);
  `;
  const starter = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const { port, password } = await new Promise<{ port: number; password: string }>((resolve) =>
    starter.stdout.once('data', (line) => resolve(JSON.parse(line))),
  );
  const login = { host: '127.0.0.1', port, user: 'millrace', password, database: 'postgres' };
  const connect = () => {
    const client = new pg.Client(login);
    client.on('error', () => undefined);
    return client.connect();
  };
  await connect();
  starter.kill('SIGKILL');
  await eventually(() => expect(connect()).rejects.toThrow(/ECONNREFUSED/));
});
