import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { REPOSITORY } from '../../infra/repository.ts';

const run = promisify(execFile);

/**
 * A virtual environment with the packages (`name==version`), made once and kept in `.millrace`, which git ignores.
 * Answers with the folder of its commands. `purpose`: what needs it, for who has no Python.
 */
export async function pythonEnvironment(packages: readonly string[], purpose: string): Promise<string> {
  const environment = join(REPOSITORY, '.millrace', `venv-${packages.join('-').replaceAll('==', '-')}`);
  if (!existsSync(join(environment, finished))) await install(environment, packages, purpose);
  return join(environment, 'bin');
}

/** An empty file that is written last: an environment without it was given up half-way. */
const finished = 'finished';

async function install(environment: string, packages: readonly string[], purpose: string): Promise<void> {
  await rm(environment, { recursive: true, force: true });
  await run(await findPython(purpose), ['-m', 'venv', environment]);
  const pip = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '--no-input'];
  await run(join(environment, 'bin/python'), [...pip, ...packages]);
  await writeFile(join(environment, finished), '');
}

async function findPython(purpose: string): Promise<string> {
  const found: string[] = [];
  for (const python of ['python3', 'python']) {
    const version = await run(python, ['-c', 'import sys; print(*sys.version_info[:2])']).catch(() => undefined);
    if (version === undefined) continue;
    const [major = 0, minor = 0] = version.stdout.trim().split(' ').map(Number);
    if (major === 3 && minor >= 10) return python;
    found.push(`${python} is ${major}.${minor}`);
  }
  throw new Error(
    `python 3.10 or later is needed ${purpose}: ${found.join(', ') || 'none was found'}. ` +
      'Install it, with its venv module, and put it on PATH',
  );
}
