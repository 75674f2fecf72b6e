import { type ChildProcess, spawn } from 'node:child_process';
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

/** What Postgres prints when it accepts connections. */
export const READY = 'database system is ready to accept connections';

/** How a line begins that the guard itself prints. */
export const NOTICE = 'millrace: ';

/** Long enough for the processes of a killed server to end: until then Postgres refuses to start again. */
const RESTART_MILLIS = 500;

/** After this many restarts, something is wrong with the machine or the data. */
const MOST_RESTARTS = 20;

/**
 * Runs a Postgres server until standard input ends. The process that started the guard holds the other end, so the
 * server ends with that process, even when it is killed. The server's directory is removed then. A server that ends by
 * itself, after it was ready once, is started again.
 */
function guard({ command, args, owner, directory }: Guarded): void {
  let server: ChildProcess | undefined;
  let [isStopping, wasReady, restarts] = [false, false, 0];
  const start = (): void => {
    const started = spawn(command, args, { ...owner, stdio: ['ignore', 'ignore', 'pipe'] });
    server = started;
    started.stderr.on('data', (chunk: Buffer) => {
      process.stderr.write(chunk);
      if (!chunk.includes(READY)) return;
      if (restarts > 0) console.error(`${NOTICE}Postgres runs again`);
      wasReady = true;
    });
    started.once('error', (error) => console.error(`${command}: ${error.message}`));
    started.once('close', (code, signal) => void ended(signal ?? code));
  };
  const ended = async (how: string | number | null): Promise<void> => {
    if (!isStopping && wasReady && restarts++ < MOST_RESTARTS) {
      if (restarts === 1) console.error(`${NOTICE}Postgres ended (${how}); it is started again`);
      setTimeout(() => (isStopping ? end() : start()), RESTART_MILLIS);
      return;
    }
    if (!isStopping && wasReady)
      console.error(`${NOTICE}Postgres ended (${how}) and does not start again; stop this command and start it anew`);
    await end();
  };
  const end = async (): Promise<never> => {
    await rm(directory, { recursive: true, force: true });
    process.exit();
  };
  // An immediate shutdown, without a checkpoint: the data is removed anyway.
  process.stdin
    .on('end', () => {
      isStopping = true;
      server?.kill('SIGQUIT');
    })
    .resume();
  start();
}

if (import.meta.main) guard(JSON.parse(process.argv[2] ?? '') as Guarded);
