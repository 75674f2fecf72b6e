import { UserMistake } from '../../../functions/runtime/errors.ts';
import type { CommandInvocation } from '../command.ts';

/** Throws a `UserMistake` when a command has more than `most` positional arguments. */
export function refuseSurplus(
  { name, positionals }: Pick<CommandInvocation, 'name' | 'positionals'>,
  most: number,
): void {
  const [first] = positionals.slice(most);
  if (first !== undefined) throw new UserMistake(`unexpected argument '${first}'; see millrace ${name} --help`);
}
