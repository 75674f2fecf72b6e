import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { UserMistake } from '../../functions/runtime/errors.ts';
import { freePort } from '../../infra/local/servers/listening.ts';
import { REPOSITORY } from '../../infra/repository.ts';
import { cleanEnvironment, type Environment, keepRunning, run } from './command.ts';

/** The version is pinned, because the suite depends on what it supports. */
const VERSION = '1.5.33';

const FOLDER = join(REPOSITORY, '.millrace', `ministack-${VERSION}`);

/** Starts MiniStack on a free port of 127.0.0.1. Installs it in a virtual environment first when it is missing. */
export async function startMiniStack(
  settings: { readonly log: string; readonly env?: Environment },
  running: AsyncDisposableStack,
): Promise<string> {
  const command = await installed(settings.log);
  const port = await freePort();
  const env = {
    ...cleanEnvironment(),
    LAMBDA_EXECUTOR: 'local',
    BIND_HOST: '127.0.0.1',
    GATEWAY_PORT: String(port),
    MINISTACK_ACCOUNT_ID: '000000000000',
    MINISTACK_REGION: 'us-east-1',
    ...settings.env,
  };
  const server = keepRunning([command], { env, log: settings.log });
  running.defer(async () => {
    await server.interrupt();
  });
  await server.said(/Running on http/);
  return `http://127.0.0.1:${port}`;
}

async function installed(log: string): Promise<string> {
  const command = join(FOLDER, 'bin', 'ministack');
  const marker = join(FOLDER, 'pyvenv.cfg');
  if (existsSync(command) && existsSync(marker)) return command;
  const env = cleanEnvironment();
  const python = await findPython(env);
  try {
    await run([python, '-m', 'venv', '--clear', FOLDER], { env, log });
    await run([join(FOLDER, 'bin', 'pip'), 'install', '--quiet', `ministack==${VERSION}`], { env, log });
  } catch (error) {
    await rm(FOLDER, { recursive: true, force: true });
    throw new UserMistake(
      `MiniStack ${VERSION} could not be installed with ${python}; give a server with AWS_ENDPOINT_URL instead, or fix this: ${(error as Error).message}`,
    );
  }
  return command;
}

/** Commands of Python, newer versions first. */
const CANDIDATES = ['python3.14', 'python3.13', 'python3.12', 'python3.11', 'python3.10', 'python3', 'python'];

/** Finds a suitable Python. Rejects with a line that says how to install one. */
export async function findPython(env: Environment): Promise<string> {
  const check = 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 10))';
  for (const candidate of CANDIDATES) {
    const isGood = await promisify(execFile)(candidate, ['-c', check], { env }).then(
      () => true,
      () => false,
    );
    if (isGood) return candidate;
  }
  throw new UserMistake(
    'there is no Python of 3.10 or newer with venv, which MiniStack needs: install one (apt install python3-venv, brew install python), or give a server with AWS_ENDPOINT_URL=http://127.0.0.1:4566',
  );
}
