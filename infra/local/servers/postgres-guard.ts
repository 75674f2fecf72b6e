import { spawn } from 'node:child_process';
import { rm } from 'node:fs/promises';

/** What the guard is started with, as JSON. */
export interface Guarded {
  readonly command: string;
  readonly args: readonly string[];
  /** Who the server runs as, when not as the guard's own user. */
  readonly owner: { readonly uid: number; readonly gid: number } | undefined;
  /** Goes with the server. */
  readonly directory: string;
}

/**
 * Runs a Postgres server as long as somebody holds the other end of standard input: whoever started it may die without
 * a word, and the server ends with it, its directory too.
 */
function guard({ command, args, owner, directory }: Guarded): void {
  const server = spawn(command, args, { ...owner, stdio: ['ignore', 'ignore', 'inherit'] });
  // Immediate: the directory goes with the server, so nothing is worth a checkpoint.
  process.stdin.on('end', () => server.kill('SIGQUIT')).resume();
  server.once('error', (error) => console.error(`${command}: ${error.message}`));
  server.once('close', async () => {
    await rm(directory, { recursive: true, force: true });
    process.exit();
  });
}

if (import.meta.main) guard(JSON.parse(process.argv[2] ?? '') as Guarded);
