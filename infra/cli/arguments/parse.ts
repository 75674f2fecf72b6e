import { parseArgs } from 'node:util';
import { UserMistake } from '../../../functions/runtime/errors.ts';
import { suggest } from '../../sql/syntax/suggest.ts';
import type { Command, CommandInvocation } from '../command.ts';

/**
 * Reads the arguments that follow a command, such as `millrace tail`. Throws a `UserMistake` of one line for an option
 * that the command does not have, and for one whose value is missing or superfluous.
 */
export function parseArguments(
  typed: string,
  command: Pick<Command, 'options'>,
  args: readonly string[],
): Pick<CommandInvocation, 'values' | 'positionals'> {
  const options = { ...command.options, help: { type: 'boolean', short: 'h' } } as const;
  const { values, positionals, tokens } = parseArgs({
    args: withNegatives(args, options),
    options,
    allowPositionals: true,
    allowNegative: true,
    // Strict, it would throw errors in Node's words, each without the names of the options that there are.
    strict: false,
    tokens: true,
  });
  for (const token of tokens) {
    const problem = token.kind === 'option' ? problemOf(token, options) : undefined;
    if (problem !== undefined) throw new UserMistake(`${problem}see ${typed} --help`);
  }
  return { values, positionals };
}

type Options = Command['options'];
type OptionToken = Extract<NonNullable<ReturnType<typeof parseArgs>['tokens']>[number], { kind: 'option' }>;

/** Says what is wrong with an option, as the beginning of a sentence; undefined when nothing is. */
function problemOf({ name, rawName, value, inlineValue }: OptionToken, options: Options): string | undefined {
  const known = optionOf(name, options) ?? negatedOption(name, options);
  const isNegated = rawName === `--no-${name}`;
  if (known === undefined || (isNegated && known.type === 'string'))
    return `unknown option '${rawName}'; ${nearest([rawName.replace(/^-+/, ''), name], options)}`;
  if (known.type === 'boolean') return value === undefined ? undefined : `option '${rawName}' takes no value; `;
  // What looks like an option is one: a value that begins so is written behind an equals sign.
  return value === undefined || (inlineValue !== true && value.length > 1 && value.startsWith('-'))
    ? `option '${rawName}' needs a value; `
    : undefined;
}

/** Finds an option of the command: `constructor` is a name that every object has. */
function optionOf(name: string, options: Options): Options[string] | undefined {
  return Object.hasOwn(options, name) ? options[name] : undefined;
}

/** Node takes `--no-follow=yes` for an option of its own, because a negated option has no value. */
function negatedOption(name: string, options: Options): Options[string] | undefined {
  const option = name.startsWith('no-') ? optionOf(name.slice('no-'.length), options) : undefined;
  return option?.type === 'boolean' ? option : undefined;
}

/** Finds the option that was meant: by the name as it was typed, and without `no-`, if it begins so. */
function nearest(typed: readonly string[], options: Options): string {
  const names = Object.keys(options);
  const nearTo = (name: string): string | undefined =>
    suggest(name, names) ?? names.find((known) => name.length > 2 && known.includes(name));
  const near = typed.map(nearTo).find((found) => found !== undefined);
  return near === undefined ? '' : `did you mean --${near}? `;
}

/** Joins `--from -15m` to `--from=-15m`: `parseArgs` would take `-15m` for options. */
function withNegatives(args: readonly string[], options: Options): string[] {
  const joined: string[] = [];
  for (const argument of args) {
    const before = joined.at(-1) ?? '';
    if (/^-\d/.test(argument) && options[before.slice(2)]?.type === 'string')
      joined[joined.length - 1] += `=${argument}`;
    else joined.push(argument);
  }
  return joined;
}
