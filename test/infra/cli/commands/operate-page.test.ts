import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { commands } from '../../../../infra/cli/commands.ts';
import { REPOSITORY } from '../../../../infra/repository.ts';

const page = await readFile(join(REPOSITORY, 'docs/operate.md'), 'utf8');

test('docs/operate.md names existing commands', () => {
  const named = [...page.matchAll(/(?:npx |`)millrace ([a-z-]+)/g)].map(([, name = '']) => name);
  expect(named.length).toBeGreaterThan(10);
  for (const name of named) expect(Object.keys(commands)).toContain(name);
});

test('docs/operate.md uses existing options', () => {
  const calls = [...page.matchAll(/(?:npx |`)millrace ([a-z-]+)([^`\n]*)/g)];
  for (const [, name = '', rest = ''] of calls)
    for (const [, option = ''] of rest.matchAll(/ --(?:no-)?([a-z-]+)/g))
      expect([...Object.keys(commands[name]?.options ?? {}), 'help'], `${name} --${option}`).toContain(option);
});
