import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { REPOSITORY } from '../../infra/repository.ts';

test('docs/joins.md shows whole files of the repository', () => {
  const read = (path: string): string => readFileSync(join(REPOSITORY, path), 'utf8').trimEnd();
  const shown = (language: string): readonly string[] =>
    [...read('docs/joins.md').matchAll(new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\`$`, 'gms'))].map(([, text = '']) =>
      text.trimEnd(),
    );
  expect(shown('sql')).toEqual([read('functions/joins/orders-with-customers.sql')]);
  expect(shown('ts')).toEqual([read('test/pipelines/guide-join.test.ts')]);
});
