import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { commands } from '../../../../infra/cli/commands.ts';
import { REPOSITORY } from '../../../../infra/repository.ts';

const PAGES = [
  ['docs/operate.md', 10],
  ['docs/aws-checklist.md', 5],
] as const;

test.each(PAGES)('%s names existing commands', async (path, least) => {
  const page = await readFile(join(REPOSITORY, path), 'utf8');
  const named = [...page.matchAll(/(?:npx |`)millrace ([a-z-]+)/g)].map(([, name = '']) => name);
  expect(named.length).toBeGreaterThan(least);
  for (const name of named) expect(Object.keys(commands)).toContain(name);
});

test.each(PAGES)('%s uses existing options', async (path) => {
  const page = await readFile(join(REPOSITORY, path), 'utf8');
  const calls = [...page.matchAll(/(?:npx |`)millrace ([a-z-]+)([^`\n]*)/g)];
  for (const [, name = '', rest = ''] of calls)
    for (const [, option = ''] of rest.matchAll(/ --(?:no-)?([a-z-]+)/g))
      expect([...Object.keys(commands[name]?.options ?? {}), 'help'], `${name} --${option}`).toContain(option);
});
