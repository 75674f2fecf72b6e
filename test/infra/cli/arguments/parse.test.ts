import { describe, expect, test, vi } from 'vitest';
import { UserMistake } from '../../../../functions/runtime/errors.ts';
import { parseArguments } from '../../../../infra/cli/arguments/parse.ts';
import { commands } from '../../../../infra/cli/commands.ts';

const OPTIONS = {
  stage: { type: 'string' },
  'http-port': { type: 'string' },
  from: { type: 'string' },
  json: { type: 'boolean' },
  follow: { type: 'boolean' },
} as const;

const parse = (...args: readonly string[]) => parseArguments('millrace tail', { options: OPTIONS }, args);

/** Returns the message for arguments that are wrong. */
function mistakeOf(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    if (error instanceof UserMistake) return error.message;
    throw error;
  }
  return 'no mistake';
}

describe('an unknown option', () => {
  test.each(Object.keys(commands))('of %s is named in one line, with how to get help', (name) => {
    const mistake = mistakeOf(() => parseArguments(`millrace ${name}`, commands[name]!, ['--bogus-option', 'x']));
    expect(mistake).toBe(`unknown option '--bogus-option'; see millrace ${name} --help`);
  });

  const named = Object.entries(commands).flatMap(([name, { options }]) =>
    Object.keys(options).map((option) => ({ name, option, misspelt: `--${option}s` })),
  );
  test.each(named)('$misspelt of $name comes with the nearest that there is', ({ name, option, misspelt }) => {
    const mistake = mistakeOf(() => parseArguments(`millrace ${name}`, commands[name]!, [misspelt]));
    expect(mistake).toBe(`unknown option '${misspelt}'; did you mean --${option}? see millrace ${name} --help`);
  });

  test.each([
    ['--port', "unknown option '--port'; did you mean --http-port? see millrace tail --help"],
    ['--stgae=prod', "unknown option '--stgae'; did you mean --stage? see millrace tail --help"],
    ['--no-colour', "unknown option '--no-colour'; see millrace tail --help"],
    ['--no-stage', "unknown option '--no-stage'; did you mean --stage? see millrace tail --help"],
    ['--constructor', "unknown option '--constructor'; see millrace tail --help"],
    ['-x', "unknown option '-x'; see millrace tail --help"],
  ])('%s says %s', (argument, message) => {
    expect(mistakeOf(() => parse('sensors', argument))).toBe(message);
  });
});

test.each([
  [['--stage'], "option '--stage' needs a value; see millrace tail --help"],
  [['--stage', '--json'], "option '--stage' needs a value; see millrace tail --help"],
  [['--json=yes'], "option '--json' takes no value; see millrace tail --help"],
  [['--no-follow=yes'], "option '--no-follow' takes no value; see millrace tail --help"],
])('%j says in one line what is wrong with the value', (args, message) => {
  expect(mistakeOf(() => parse(...args))).toBe(message);
});

test('options, negative values and arguments are read wherever they stand', () => {
  expect(parse('sensors', '--from', '-15m', 'clean', '--stage=-x', '--no-follow', '-h', '--', '--json')).toEqual({
    values: { from: '-15m', stage: '-x', follow: false, help: true },
    positionals: ['sensors', 'clean', '--json'],
  });
});

test('sql takes the options as they were read, also one that is negated', async () => {
  const { values, positionals } = parseArguments('millrace sql', commands.sql!, [
    '--no-explain',
    '--schema=-no-such',
    'SELECT 1',
  ]);
  const said: string[] = [];
  const write = vi.spyOn(process.stderr, 'write').mockImplementation((text) => said.push(String(text)) > 0);
  try {
    expect(await commands.sql!.run({ name: 'sql', values, positionals, signal: new AbortController().signal })).toBe(2);
  } finally {
    write.mockRestore();
  }
  expect(said.join('')).toBe('--schema -no-such: write file.ts#export\n');
});
