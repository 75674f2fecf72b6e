import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { REPOSITORY } from '../../infra/repository.ts';

const run = promisify(execFile);

/**
 * Installs packages (`name==version`) in a virtual environment, once, and returns the folder of its commands. The
 * environment is kept in `.millrace`, which git ignores. Without Python the error names the `purpose`.
 */
export async function pythonEnvironment(packages: readonly string[], purpose: string): Promise<string> {
  const environment = join(REPOSITORY, '.millrace', `venv-${packages.join('-').replaceAll('==', '-')}`);
  if (!existsSync(join(environment, finished))) await install(environment, packages, purpose);
  return join(environment, 'bin');
}

/** An empty file that is written last. An environment without it is incomplete. */
const finished = 'finished';

async function install(environment: string, packages: readonly string[], purpose: string): Promise<void> {
  await rm(environment, { recursive: true, force: true });
  await run(await findPython(purpose), ['-m', 'venv', environment]);
  const pip = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '--no-input', '--no-compile'];
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
