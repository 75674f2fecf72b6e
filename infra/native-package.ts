import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { copyFile, mkdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { UserMistake } from '../functions/runtime/errors.ts';
import { REPOSITORY } from './repository.ts';

const CACHE = join(REPOSITORY, '.millrace', 'native');
const LOCK = join(REPOSITORY, 'package-lock.json');

/**
 * Returns the folder of a package for Lambda's platform, whatever platform this is. npm fetches the version of the lock
 * file, once, and checks it by the lock file's hash; after that no network is needed. Throws a `UserMistake` that says
 * why npm could not.
 */
export async function fetchedPackage(name: string, { cache = CACHE, lock = LOCK } = {}): Promise<string> {
  const locked = await lockedPackage(name, lock);
  const folder = join(
    cache,
    `${name.replace(/^@/, '').replace('/', '-')}-${locked.version}-${shortHash(locked.integrity)}`,
  );
  if (await exists(folder)) return folder;
  const temporary = join(cache, randomUUID());
  try {
    await install(name, locked, temporary);
    // In one step: several processes may fetch at once, and readers see whole folders only.
    await rename(join(temporary, 'node_modules', name), folder);
  } catch (error) {
    if (!(await exists(folder))) throw error;
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
  return folder;
}

interface LockedPackage {
  readonly version: string;
  readonly integrity: string;
}

async function lockedPackage(name: string, lock: string): Promise<LockedPackage> {
  const { packages } = JSON.parse(await readFile(lock, 'utf8')) as {
    readonly packages: Readonly<Record<string, LockedPackage>>;
  };
  const locked = packages[`node_modules/${name}`];
  if (locked === undefined) throw new UserMistake(`package-lock.json has no ${name}: run npm install`);
  return locked;
}

/** Installs one package, for Lambda's platform, below a folder of its own. */
async function install(name: string, locked: LockedPackage, folder: string): Promise<void> {
  const { version } = locked;
  const described = { name: 'native', version: '1.0.0', private: true, dependencies: { [name]: version } };
  const lock = { ...described, lockfileVersion: 3, packages: { '': described, [`node_modules/${name}`]: locked } };
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'package.json'), JSON.stringify(described));
  await writeFile(join(folder, 'package-lock.json'), JSON.stringify(lock));
  // The registry and its login may be those of the project.
  await copyFile(join(REPOSITORY, '.npmrc'), join(folder, '.npmrc')).catch(() => undefined);
  try {
    await promisify(execFile)('npm', ['ci', ...FOR_ANY_PLATFORM, ...QUIETLY], {
      cwd: folder,
      shell: process.platform === 'win32',
    });
  } catch (error) {
    const { stderr = '', message } = error as { readonly stderr?: string; readonly message: string };
    throw new UserMistake(
      `npm could not fetch ${name}@${version}, the machine code for Lambda that a sink with format: 'parquet' needs, once: ${reasonOf(stderr) || message}`,
    );
  }
}

/** Without it, npm installs only what runs here. It checks the hash all the same. */
const FOR_ANY_PLATFORM = ['--force'];
const QUIETLY = ['--ignore-scripts', '--no-audit', '--no-fund', '--no-progress', '--loglevel=error'];

function reasonOf(stderr: string): string {
  const lines = stderr.split('\n').map((line) => line.replace(/^npm (error|ERR!) ?/, '').trim());
  return lines.filter((line) => line !== '' && !line.startsWith('A complete log')).join(' ');
}

function shortHash(integrity: string): string {
  return Buffer.from(integrity.replace(/^sha512-/, ''), 'base64')
    .toString('hex')
    .slice(0, 16);
}

async function exists(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined)) !== undefined;
}
