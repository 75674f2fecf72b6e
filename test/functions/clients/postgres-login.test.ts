import { execFileSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, createServer as createTlsServer, TLSSocket } from 'node:tls';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openDatabase } from '../../../functions/clients/postgres.ts';
import { PostgresServer, tlsOptions } from '../../../functions/clients/postgres-login.ts';
import { noDeadline } from '../../eventually.ts';

const LOCAL = { host: '127.0.0.1', database: 'd', user: 'u', auth: { password: 'p' }, tls: 'off' };
const REMOTE = { host: 'db.example.com', database: 'd', user: 'u', auth: { secret: 'arn:aws:secretsmanager:x' } };

describe('a server', () => {
  test.each([
    [
      'without a password on another machine',
      { ...REMOTE, auth: { password: 'p' } },
      'auth',
      "a password is for a database on this machine only, and the host is 'db.example.com': use { secret: <ARN> }",
    ],
    [
      'without TLS on another machine',
      { ...REMOTE, tls: 'off' },
      'tls',
      "'off' is for a database on this machine only, and the host is 'db.example.com': leave it out",
    ],
    ['with TLS that verifies nothing', { ...REMOTE, tls: 'require' }, 'tls', ''],
    ['with a port that is none', { ...LOCAL, port: 70_000 }, 'port', ''],
    ['with two ways to log in', { ...REMOTE, auth: { iam: true, secret: 'x' } }, 'auth', ''],
  ])('is rejected %s', (...[, given, path, message]) => {
    const issues = PostgresServer.safeParse(given).error?.issues ?? [];
    expect(issues.map((issue) => issue.path.join('.'))).toEqual([path]);
    expect(issues[0]?.message).toContain(message);
  });

  test('is verified by default, at the default port of Postgres', () => {
    expect(PostgresServer.parse(REMOTE)).toMatchObject({ tls: 'verify', port: 5432 });
  });
});

describe('TLS', () => {
  let directory: string;
  let certificate: string;
  let key: string;
  const servers: Server[] = [];

  beforeAll(() => {
    directory = mkdtempSync(join(tmpdir(), 'millrace-tls-'));
    const [keyFile, file] = [join(directory, 'key.pem'), join(directory, 'certificate.pem')];
    const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'];
    const names = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost'];
    execFileSync('openssl', ['req', '-x509', ...curve, ...names, '-keyout', keyFile, '-out', file], {
      stdio: 'ignore',
    });
    [key, certificate] = [readFileSync(keyFile, 'utf8'), readFileSync(file, 'utf8')];
  });

  afterAll(() => {
    for (const server of servers) server.close();
    rmSync(directory, { recursive: true, force: true });
  });

  const listening = async (server: Server): Promise<number> => {
    servers.push(server);
    server.listen(0, 'localhost');
    await once(server, 'listening');
    return (server.address() as AddressInfo).port;
  };

  const handshake = async (options: ReturnType<typeof tlsOptions>, servername: string): Promise<string> => {
    const server = createTlsServer({ cert: certificate, key }, (socket) => socket.on('error', () => undefined).end());
    const port = await listening(server);
    const socket = connect({ port, host: 'localhost', servername, ...options });
    const failed = once(socket, 'error').then(([error]) => (error as NodeJS.ErrnoException).code ?? 'failed');
    const outcome = await Promise.race([once(socket, 'secureConnect').then(() => 'secure'), failed]);
    socket.destroy();
    return outcome;
  };

  test('accepts a certificate for its host by a known authority', async () => {
    expect(await handshake(tlsOptions({ tls: 'verify' }, [certificate]), 'localhost')).toBe('secure');
  });

  test('rejects a certificate for another host', async () => {
    expect(await handshake(tlsOptions({ tls: 'verify' }, [certificate]), 'db.example.com')).toBe(
      'ERR_TLS_CERT_ALTNAME_INVALID',
    );
  });

  test('rejects a certificate by an authority that is not one of RDS', async () => {
    expect(await handshake(tlsOptions({ tls: 'verify' }), 'localhost')).toBe('DEPTH_ZERO_SELF_SIGNED_CERT');
  });

  test("accepts the authority that 'ca' names for a server that is not RDS, and no other", async () => {
    const { tls, ca } = PostgresServer.parse({ ...REMOTE, ca: certificate });
    expect(await handshake(tlsOptions({ tls, ca }), 'localhost')).toBe('secure');
    expect(await handshake(tlsOptions({ tls, ca: 'public' }), 'localhost')).toBe('DEPTH_ZERO_SELF_SIGNED_CERT');
    const trusted = tlsOptions({ tls, ca: 'public' });
    expect(trusted ? trusted.ca.length : 0).toBeGreaterThan(100);
  });

  test('is rejected by a client before the client has sent anything about itself', async () => {
    const said: Buffer[] = [];
    const server = createServer((socket) => {
      socket.once('data', () => {
        socket.write('S');
        const secured = new TLSSocket(socket, { isServer: true, cert: certificate, key });
        secured.on('data', (chunk: Buffer) => said.push(chunk));
        secured.on('error', () => undefined);
      });
    });
    const port = await listening(server);
    const database = openDatabase(PostgresServer.parse({ ...LOCAL, host: 'localhost', port, tls: 'verify' }), 'test');
    await expect(database.use(noDeadline(), async () => undefined)).rejects.toThrow('self-signed certificate');
    expect(said).toEqual([]);
  });

  test('is required even when the server has none', async () => {
    const port = await listening(createServer((socket) => socket.once('data', () => socket.write('N'))));
    const database = openDatabase(PostgresServer.parse({ ...LOCAL, host: 'localhost', port, tls: 'verify' }), 'test');
    await expect(database.use(noDeadline(), async () => undefined)).rejects.toThrow('does not support SSL');
  });

  test.each(['us-east-1', 'eu-central-1', 'ap-southeast-2', 'sa-east-1'])(
    'knows authorities of RDS in %s that are good for years',
    (region) => {
      const options = tlsOptions({ tls: 'verify' });
      const roots = (options ? options.ca : []).map((text) => new X509Certificate(text));
      const good = roots.filter(
        ({ subject, validToDate }) =>
          subject.includes(`Amazon RDS ${region} Root CA`) && validToDate.getUTCFullYear() >= 2060,
      );
      expect(good.length).toBeGreaterThanOrEqual(3);
    },
  );
});
