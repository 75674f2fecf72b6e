/** A command of the CLI: its options are those of node:util's `parseArgs`. */
export interface Command {
  readonly summary: string;
  readonly usage: string;
  readonly help: string;
  readonly options: Readonly<Record<string, { readonly type: 'string' | 'boolean'; readonly short?: string }>>;
  /** Answers with the exit code. Rejects with the signal's reason when that aborts. */
  run(invocation: CommandInvocation): Promise<number>;
}

export interface CommandInvocation {
  readonly values: Readonly<Record<string, string | boolean | undefined>>;
  readonly positionals: readonly string[];
  readonly signal: AbortSignal;
}
