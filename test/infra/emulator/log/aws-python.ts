import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const packages = ['awscli==1.46.3', 'boto3==1.44.5'];

/** A virtual environment with the AWS CLI and boto3, made once and kept in `.millrace`, which git ignores. */
export async function awsPython(): Promise<{ aws: string; python: string }> {
  const root = join(import.meta.dirname, '../../../..');
  const environment = join(root, '.millrace', `venv-${packages.join('-').replaceAll('==', '-')}`);
  if (!existsSync(join(environment, finished))) await install(environment);
  return { aws: join(environment, 'bin/aws'), python: join(environment, 'bin/python') };
}

/** An empty file that is written last: an environment without it was given up half-way. */
const finished = 'finished';

async function install(environment: string): Promise<void> {
  await rm(environment, { recursive: true, force: true });
  await run(await findPython(), ['-m', 'venv', environment]);
  const pip = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '--no-input'];
  await run(join(environment, 'bin/python'), [...pip, ...packages]);
  await writeFile(join(environment, finished), '');
}

async function findPython(): Promise<string> {
  const found: string[] = [];
  for (const python of ['python3', 'python']) {
    const version = await run(python, ['-c', 'import sys; print(*sys.version_info[:2])']).catch(() => undefined);
    if (version === undefined) continue;
    const [major = 0, minor = 0] = version.stdout.trim().split(' ').map(Number);
    if (major === 3 && minor >= 10) return python;
    found.push(`${python} is ${major}.${minor}`);
  }
  throw new Error(
    `python 3.10 or later is needed to try the AWS CLI and boto3: ${found.join(', ') || 'none was found'}. ` +
      'Install it, with its venv module, and put it on PATH',
  );
}
