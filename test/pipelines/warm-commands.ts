import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { REPOSITORY } from '../../infra/repository.ts';
import type { CommandToRun, Finished } from './command-host.ts';

/**
 * Runs commands of `millrace` one after the other in one process, which has loaded their modules: a process for each
 * would take half a second of CPU time to start.
 */
export interface WarmCommands extends AsyncDisposable {
  run(args: readonly string[], environment?: Readonly<Record<string, string>>): Promise<Finished>;
}

export async function startWarmCommands(folder: string, repository = REPOSITORY): Promise<WarmCommands> {
  const host = fork(join(import.meta.dirname, 'command-host.ts'), [repository], {
    cwd: folder,
    env: { ...process.env, AWS_EC2_METADATA_DISABLED: 'true' },
    execArgv: [],
    // As a command's own process has it here: no terminal.
    stdio: ['pipe', 'inherit', 'inherit', 'ipc'],
  });
  const ended = once(host, 'exit');
  const reply = async (): Promise<unknown> => {
    const [message] = await Promise.race([once(host, 'message'), ended.then(failed)]);
    return message;
  };
  await reply();
  let previous: Promise<unknown> = Promise.resolve();
  return {
    run(args, environment = {}) {
      const result = previous.then(() => {
        host.send({ args, environment } satisfies CommandToRun);
        return reply() as Promise<Finished>;
      });
      previous = result.catch(() => undefined);
      return result;
    },
    async [Symbol.asyncDispose]() {
      if (host.connected) host.disconnect();
      await ended;
    },
  };
}

function failed(exit: unknown): never {
  throw new Error(`the process that runs commands has ended: ${exit}`);
}
