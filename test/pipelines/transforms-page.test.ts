import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { REPOSITORY } from '../../infra/repository.ts';

test('docs/transforms.md shows its example whole, as a test that runs', () => {
  const page = readFileSync(join(REPOSITORY, 'docs', 'transforms.md'), 'utf8');
  const example = readFileSync(join(import.meta.dirname, 'guide-asking.test.ts'), 'utf8');
  expect(page).toContain(`\`\`\`ts\n${example}\`\`\`\n`);
});
