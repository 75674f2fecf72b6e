import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { mappings } from '../../../../infra/cli/commands/mappings.ts';
import { helpOf } from '../../../../infra/cli/help.ts';
import { REPOSITORY } from '../../../../infra/repository.ts';

test('docs/mappings.md contains the help of the command', async () => {
  const page = await readFile(join(REPOSITORY, 'docs/mappings.md'), 'utf8');
  expect(page).toContain(`\`\`\`\n${helpOf('mappings', mappings)}\n\`\`\`\n`);
});
