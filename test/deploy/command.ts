import { type ChildProcess, spawn } from 'node:child_process';
import { createWriteStream } from 'node:fs';
import { delimiter, join } from 'node:path';
import { REPOSITORY } from '../../infra/repository.ts';

/** The environment of a command. It has nothing of this process's environment that AWS tools read. */
export type Environment = Readonly<Record<string, string>>;

/**
 * Returns this process's environment without the variables that AWS tools read, and with our own Node first in PATH.
 */
export function cleanEnvironment(): Environment {
  const kept = Object.entries(process.env).filter(([name]) => !name.startsWith('AWS_') && !name.startsWith('CDK_'));
  const PATH = [join(REPOSITORY, 'node_modules', '.bin'), process.env.PATH].join(delimiter);
  return { ...(Object.fromEntries(kept) as Record<string, string>), PATH };
}

export interface CommandOptions {
  readonly cwd?: string;
  readonly env: Environment;
  /** The file to which the output is appended. */
  readonly log: string;
}

/** Runs a command and resolves to its output. Rejects with the last lines of the output when the command fails. */
export async function run(command: readonly string[], options: CommandOptions): Promise<string> {
  const { said, code } = await outcomeOf(command, options);
  if (code !== 0)
    throw new Error(`${command.join(' ')} ended with ${code}:\n${lastLines(said)}\n(whole output: ${options.log})`);
  return said;
}

/** Runs a command, which may fail, and resolves to its output and exit code. */
export async function outcomeOf(
  command: readonly string[],
  options: CommandOptions,
): Promise<{ readonly said: string; readonly code: number | null }> {
  const child = started(command, options);
  let said = '';
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk) => (said += chunk));
  return { code: await ended(child), said };
}

/** A command that keeps running. */
export interface Running {
  /** Resolves when the output matches; rejects when the command ends first. */
  said(pattern: RegExp): Promise<void>;
  /** Interrupts the command as Ctrl-C does. Resolves to the exit code. */
  interrupt(): Promise<number | null>;
  output(): string;
}

export function keepRunning(command: readonly string[], options: CommandOptions): Running {
  // The command gets its own process group, so that its children can be ended with it.
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
          throw new Error(`${command.join(' ')} has ended:\n${lastLines(output)}\n(whole output: ${options.log})`);
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
  // A command ends when this process does.
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
