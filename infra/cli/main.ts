import { runCommand } from './run.ts';

/** Asks everything to end at the first Ctrl-C, and exits at once at the second. */
function interrupt(): void {
  if (interrupted.signal.aborted) process.exit(130);
  interrupted.abort(new Error('interrupted'));
}

const interrupted = new AbortController();
process.on('SIGINT', interrupt);
process.on('SIGTERM', interrupt);
// The reader of our output closed the pipe: `millrace tail … | head`.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  process.exit(error.code === 'EPIPE' ? 0 : 1);
});

process.exitCode = await runCommand(process.argv.slice(2), interrupted.signal);
// A handle that some library left open must not keep a finished command alive.
process.exit();
