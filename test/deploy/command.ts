import { type ChildProcess, spawn } from 'node:child_process';
import { createWriteStream } from 'node:fs';
import { delimiter, join } from 'node:path';
import { REPOSITORY } from '../../infra/repository.ts';

/**
 * What commands run with: whose account, which server. Nothing else of this process's environment that AWS tools read.
 */
export type Environment = Readonly<Record<string, string>>;

/**
 * This process's environment without what AWS tools would take from it, and with the repository's own Node first in the
 * PATH.
 */
export function cleanEnvironment(): Environment {
  const kept = Object.entries(process.env).filter(([name]) => !name.startsWith('AWS_') && !name.startsWith('CDK_'));
  const PATH = [join(REPOSITORY, 'node_modules', '.bin'), process.env.PATH].join(delimiter);
  return { ...(Object.fromEntries(kept) as Record<string, string>), PATH };
}

export interface CommandOptions {
  readonly cwd?: string;
  readonly env: Environment;
  /** The file that takes all it says. */
  readonly log: string;
}

/** Runs a command to its end and resolves to all it said. Rejects with its last lines when it fails. */
export async function run(command: readonly string[], options: CommandOptions): Promise<string> {
  const { said, code } = await outcomeOf(command, options);
  if (code !== 0)
    throw new Error(`${command.join(' ')} ended with ${code}:\n${lastLines(said)}\n(all of it: ${options.log})`);
  return said;
}

/** Runs a command to its end, which may be a failure. */
export async function outcomeOf(
  command: readonly string[],
  options: CommandOptions,
): Promise<{ readonly said: string; readonly code: number | null }> {
  const child = started(command, options);
  let said = '';
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk) => (said += chunk));
  return { code: await ended(child), said };
}

/** A command that stays up. */
export interface Running {
  /** Resolves when it has said this; rejects when it ends before. */
  said(pattern: RegExp): Promise<void>;
  /** As Ctrl-C does. Resolves to its exit code. */
  interrupt(): Promise<number | null>;
  output(): string;
}

export function keepRunning(command: readonly string[], options: CommandOptions): Running {
  // In a group of its own: what it has started itself ends with it.
  const child = started(command, { ...options, detached: true });
  const end = ended(child);
  let output = '';
  let waiting: (() => void)[] = [];
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on('data', (chunk) => {
      output += chunk;
      for (const wake of waiting.splice(0)) wake();
    });
  }
  let hasEnded = false;
  void end.then(() => {
    hasEnded = true;
    for (const wake of waiting.splice(0)) wake();
  });
  return {
    async said(pattern) {
      while (!pattern.test(output)) {
        if (hasEnded)
          throw new Error(`${command.join(' ')} has ended:\n${lastLines(output)}\n(all of it: ${options.log})`);
        await new Promise<void>((resolve) => {
          waiting = [...waiting, resolve];
        });
      }
    },
    async interrupt() {
      child.kill('SIGINT');
      const code = await end;
      endGroup(child);
      return code;
    },
    output: () => output,
  };
}

function started(
  [name = '', ...args]: readonly string[],
  { cwd = REPOSITORY, env, log, detached = false }: CommandOptions & { readonly detached?: boolean },
): ChildProcess {
  const child = spawn(name, args, { cwd, env, detached, stdio: ['ignore', 'pipe', 'pipe'] });
  // One that is under way does not outlive who waits for it.
  const end = () => child.kill();
  process.once('exit', end);
  child.once('close', () => process.off('exit', end));
  const file = createWriteStream(log, { flags: 'a' });
  file.write(`\n$ ${[name, ...args].join(' ')}\n`);
  child.stdout.pipe(file, { end: false });
  child.stderr.pipe(file, { end: false });
  child.once('close', () => file.end());
  return child;
}

function ended(child: ChildProcess): Promise<number | null> {
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
}

function endGroup({ pid }: ChildProcess): void {
  try {
    if (pid !== undefined) process.kill(-pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

function lastLines(text: string): string {
  return text.trimEnd().split('\n').slice(-15).join('\n');
}
