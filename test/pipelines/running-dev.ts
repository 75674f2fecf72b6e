import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { REPOSITORY } from '../../infra/repository.ts';
import type { Finished } from './command-host.ts';
import { startWarmCommands } from './warm-commands.ts';

/** A dev in a folder of its own, and commands that run beside it, in another process. */
export interface RunningDevProcess extends AsyncDisposable {
  /** Where its first source takes events. */
  readonly url: string;
  readonly database: {
    readonly host: string;
    readonly port: number;
    readonly name: string;
    readonly user: string;
    readonly password: string;
  };
  /** Waits until dev prints a match after the previous one. */
  printed(pattern: RegExp): Promise<void>;
  /** Runs a command to its end. */
  millrace(...args: readonly string[]): Promise<Finished>;
}

export async function startDevProcess(pipeline: string, repository = REPOSITORY): Promise<RunningDevProcess> {
  const folder = await mkdtemp(join(tmpdir(), 'millrace-dev-'));
  const main = join(repository, 'infra/cli/main.ts');
  const dev = spawn(process.execPath, [main, 'dev', pipeline], { cwd: folder });
  const printed = watchOutput(dev);
  const commands = await startWarmCommands(folder, repository);
  const end = async (): Promise<void> => {
    await commands[Symbol.asyncDispose]();
    dev.kill('SIGKILL');
    if (dev.exitCode === null && dev.signalCode === null) await new Promise((resolve) => dev.once('exit', resolve));
    await rm(folder, { recursive: true, force: true });
  };
  try {
    const [, url = ''] = await printed(/ (http:\S+) +\(POST[\s\S]*Scheduled steps/);
    const { database } = JSON.parse(await readFile(join(folder, '.millrace', 'dev.json'), 'utf8'));
    return {
      url,
      database,
      printed: async (pattern) => {
        await printed(pattern);
      },
      millrace: (...args) => commands.run(args),
      [Symbol.asyncDispose]: end,
    };
  } catch (error) {
    await end();
    throw error;
  }
}

/** Returns a function that waits for a text. Text up to a match is not searched again. */
function watchOutput(dev: ChildProcess): (pattern: RegExp) => Promise<RegExpExecArray> {
  let output = '';
  for (const stream of [dev.stdout, dev.stderr]) {
    stream?.on('data', (chunk) => {
      output += chunk;
    });
  }
  return async (pattern) => {
    for (;;) {
      const found = pattern.exec(output);
      if (found !== null) {
        output = output.slice(found.index + found[0].length);
        return found;
      }
      if (dev.exitCode !== null)
        throw new Error(`dev ended with ${dev.exitCode} before it printed ${pattern}:\n${output}`);
      await delay(100);
    }
  };
}

export function linesOf<T>({ out }: Finished): T[] {
  return out
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as T);
}

export async function until<T>(look: () => Promise<T>, isSo: (found: T) => boolean): Promise<T> {
  for (;;) {
    const found = await look();
    if (isSo(found)) return found;
    await delay(200);
  }
}
