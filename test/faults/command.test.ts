import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { REPOSITORY } from '../../infra/repository.ts';
import { parseOptions } from './arguments.ts';

test.each([
  { args: ['--schedules', 'x'], message: "--schedules is 'x'; use a whole number, 1 or more" },
  { args: ['--schedules', '1.5'], message: "--schedules is '1.5'" },
  { args: ['--schedules', '0'], message: "--schedules is '0'" },
  { args: ['--schedules'], message: "option '--schedules' needs a value; see npm run test:faults -- --help" },
  { args: ['--seed=-1'], message: "--seed is '-1'; use a whole number, 0 or more" },
  { args: ['--kills', 'many'], message: "--kills is 'many'" },
  { args: ['--mistake', 'all'], message: "unknown mistake 'all'; use one of hole" },
  { args: ['--only', 'chairs'], message: "--only is 'chairs'; use tables" },
  { args: ['--only', 'tables', '--mistake', 'hole'], message: '--only and --mistake exclude each other' },
  { args: ['--bogus'], message: "unknown option '--bogus'; see npm run test:faults -- --help" },
  { args: ['--shedules=3'], message: "unknown option '--shedules'; did you mean --schedules? see npm run" },
  { args: ['500'], message: "unexpected argument '500'; see npm run test:faults -- --help" },
])('names what is wrong with $args', ({ args, message }) => {
  expect(() => parseOptions(args, ['hole'])).toThrow(message);
});

test('plays 500 schedules from seed 0 by default', () => {
  expect(parseOptions([], ['hole'])).toEqual({ schedules: 500, seed: 0, brief: false, help: false });
  expect(parseOptions(['--schedules', '7', '--seed', '3', '--mistake', 'hole', '--brief'], ['hole'])).toEqual({
    schedules: 7,
    seed: 3,
    mistake: 'hole',
    brief: true,
    help: false,
  });
});

// npm passes Ctrl-C on to its child, which the terminal has interrupted already: so two arrive.
test.each([1, 2])(
  'prints the table of the schedules played so far when Ctrl-C arrives %i times at once',
  async (times) => {
    const { child, printed } = started('--schedules', '100000');
    try {
      await printed(/^\d+ of 100000 schedules/m);
      for (let sent = 0; sent < times; sent++) child.kill('SIGINT');
      await printed(/^\d+ schedules in \d+ s, 0 broken$/m);
      expect(await ended(child)).toBe(130);
      expect(await printed(/^call site +request lost/m)).toMatch(/^\d+ schedules in \d+ s, 0 broken\n$/m);
    } finally {
      child.kill('SIGKILL');
    }
  },
);

function started(...args: readonly string[]) {
  const child = spawn(process.execPath, [join(REPOSITORY, 'test/faults/main.ts'), ...args]);
  const exit = ended(child);
  let text = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk) => {
      text += chunk;
    });
  }
  async function printed(pattern: RegExp): Promise<string> {
    while (!pattern.test(text)) {
      const data = new Promise((resolve) => child.stdout.once('data', resolve));
      await Promise.race([data, exit]);
      if (child.exitCode !== null && !pattern.test(text))
        throw new Error(`the command ended without printing ${pattern}:\n${text}`);
    }
    return text;
  }
  return { child, printed };
}

function ended(child: ChildProcess): Promise<number | null> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve(child.exitCode);
  return new Promise((resolve) => child.once('close', resolve));
}
