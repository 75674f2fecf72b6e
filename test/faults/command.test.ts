import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { REPOSITORY } from '../../infra/repository.ts';
import { askedOf } from './arguments.ts';

test.each([
  { args: ['--schedules', 'x'], message: "--schedules is 'x': it takes a whole number from 1 on" },
  { args: ['--schedules', '1.5'], message: "--schedules is '1.5'" },
  { args: ['--schedules', '0'], message: "--schedules is '0'" },
  { args: ['--schedules'], message: "'--schedules <value>' argument missing" },
  { args: ['--seed=-1'], message: "--seed is '-1': it takes a whole number from 0 on" },
  { args: ['--kills', 'many'], message: "--kills is 'many'" },
  { args: ['--mistake', 'all'], message: "there is no mistake 'all' to plant: there are hole" },
  { args: ['--bogus'], message: "Unknown option '--bogus'" },
  { args: ['500'], message: "Unexpected argument '500'" },
])('says what is wrong with $args', ({ args, message }) => {
  expect(() => askedOf(args, ['hole'])).toThrow(message);
});

test('plays 500 schedules from the first seed on, unless it is asked for others', () => {
  expect(askedOf([], ['hole'])).toEqual({ schedules: 500, seed: 0, brief: false, help: false });
  expect(askedOf(['--schedules', '7', '--seed', '3', '--mistake', 'hole', '--brief'], ['hole'])).toEqual({
    schedules: 7,
    seed: 3,
    mistake: 'hole',
    brief: true,
    help: false,
  });
});

// npm sends its child what the terminal has sent already.
test.each([1, 2])('Ctrl-C that comes %i times at once shows the table of what was played', async (times) => {
  const { child, said } = started('--schedules', '100000');
  try {
    await said(/^\d+ of 100000 schedules/m);
    for (let sent = 0; sent < times; sent++) child.kill('SIGINT');
    await said(/^\d+ schedules in \d+ s, 0 broken$/m);
    expect(await ended(child)).toBe(130);
    expect(await said(/^call site +request lost/m)).toMatch(/^\d+ schedules in \d+ s, 0 broken\n$/m);
  } finally {
    child.kill('SIGKILL');
  }
});

function started(...args: readonly string[]) {
  const child = spawn(process.execPath, [join(REPOSITORY, 'test/faults/main.ts'), ...args]);
  const exit = ended(child);
  let text = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk) => {
      text += chunk;
    });
  }
  async function said(what: RegExp): Promise<string> {
    while (!what.test(text)) {
      const data = new Promise((resolve) => child.stdout.once('data', resolve));
      await Promise.race([data, exit]);
      if (child.exitCode !== null && !what.test(text)) throw new Error(`it ended without ${what}:\n${text}`);
    }
    return text;
  }
  return { child, said };
}

function ended(child: ChildProcess): Promise<number | null> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve(child.exitCode);
  return new Promise((resolve) => child.once('close', resolve));
}
