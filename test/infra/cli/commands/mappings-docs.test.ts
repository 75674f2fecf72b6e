import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { mappings } from '../../../../infra/cli/commands/mappings.ts';
import { REPOSITORY } from '../../../../infra/repository.ts';

test('the page about mappings has the help of the command', async () => {
  const page = await readFile(join(REPOSITORY, 'docs/mappings.md'), 'utf8');
  const { usage, summary, help } = mappings;
  expect(page).toContain(`usage: millrace mappings ${usage}\n\n${summary}\n\n${help}\n`);
});
