import { UserMistake } from '../../../functions/runtime/errors.ts';

/** Throws a `UserMistake` when there are more than `most` positional arguments. */
export function refuseSurplus(positionals: readonly string[], most: number): void {
  const [first] = positionals.slice(most);
  if (first !== undefined) throw new UserMistake(`unexpected argument '${first}'; see --help`);
}
