import { join } from 'node:path';
import type { runCommand as RunCommand } from '../../infra/cli/run.ts';

/** A command to run, as the parent process sends it. */
export interface CommandToRun {
  readonly args: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
}

/** The result of a command that has ended. */
export interface Finished {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

/** Collects what is written to a stream instead of writing it. Returns a function that ends this and gives the text. */
function collect(stream: NodeJS.WriteStream): () => string {
  const { write } = stream;
  const chunks: Buffer[] = [];
  stream.write = (chunk: string | Uint8Array) => {
    chunks.push(Buffer.from(chunk as string));
    return true;
  };
  return () => {
    stream.write = write;
    return Buffer.concat(chunks).toString();
  };
}

async function run({ args, environment }: CommandToRun): Promise<Finished> {
  const before = { ...process.env };
  Object.assign(process.env, environment);
  const [out, err] = [collect(process.stdout), collect(process.stderr)];
  try {
    const code = await runCommand(args, new AbortController().signal);
    return { code, out: out(), err: err() };
  } finally {
    // A command names the region and the profile to the SDK in the environment.
    for (const name of Object.keys(process.env)) if (!(name in before)) delete process.env[name];
    Object.assign(process.env, before);
  }
}

const [, , repository = ''] = process.argv;
const { runCommand } = (await import(join(repository, 'infra/cli/run.ts'))) as { runCommand: typeof RunCommand };
process.on('message', async (command: CommandToRun) => process.send?.(await run(command)));
process.once('disconnect', () => process.exit());
process.send?.('ready');
