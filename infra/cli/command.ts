/** A command of the CLI. */
export interface Command {
  /** What it does, in one sentence: lower case, a verb first, no full stop. */
  readonly summary: string;
  /** What follows the command's name: `<pipeline> <step> [options]`. */
  readonly usage: string;
  /** What to know before running it, then its options, one a line. */
  readonly help: string;
  /** Whole command lines. */
  readonly examples: readonly string[];
  /** As `parseArgs` of node:util takes them. */
  readonly options: Readonly<Record<string, { readonly type: 'string' | 'boolean'; readonly short?: string }>>;
  /** Resolves to the exit code. Rejects with the signal's reason when the signal aborts. */
  run(invocation: CommandInvocation): Promise<number>;
}

export interface CommandInvocation {
  /** The command's name, for messages. */
  readonly name: string;
  readonly values: Readonly<Record<string, string | boolean | undefined>>;
  readonly positionals: readonly string[];
  readonly signal: AbortSignal;
}
