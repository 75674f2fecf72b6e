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
  const files = ['orders-with-customers.sql', 'named-orders.sql'];
  expect(shown('sql')).toEqual(files.map((file) => read(`functions/joins/${file}`)));
  const tests = ['guide-join.test.ts', 'guide-foreign-join.test.ts'];
  expect(shown('ts')).toEqual(tests.map((file) => read(`test/pipelines/${file}`)));
});
