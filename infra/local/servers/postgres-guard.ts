import { spawn } from 'node:child_process';
import { rm } from 'node:fs/promises';

/** The guard's argument, as JSON. */
export interface Guarded {
  readonly command: string;
  readonly args: readonly string[];
  /** The user that the server runs as. Undefined: the guard's own user. */
  readonly owner: { readonly uid: number; readonly gid: number } | undefined;
  /** Removed when the server ends. */
  readonly directory: string;
}

/**
 * Runs a Postgres server until standard input ends. The process that started the guard holds the other end, so the
 * server ends with that process, even when it is killed. The server's directory is removed then.
 */
function guard({ command, args, owner, directory }: Guarded): void {
  const server = spawn(command, args, { ...owner, stdio: ['ignore', 'ignore', 'inherit'] });
  // An immediate shutdown, without a checkpoint: the data is removed anyway.
  process.stdin.on('end', () => server.kill('SIGQUIT')).resume();
  server.once('error', (error) => console.error(`${command}: ${error.message}`));
  server.once('close', async () => {
    await rm(directory, { recursive: true, force: true });
    process.exit();
  });
}

if (import.meta.main) guard(JSON.parse(process.argv[2] ?? '') as Guarded);
