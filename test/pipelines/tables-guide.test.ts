import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { REPOSITORY } from '../../infra/repository.ts';

test('docs/tables.md shows whole files of the repository, with their imports', () => {
  const read = (path: string): string => readFileSync(join(REPOSITORY, path), 'utf8').trimEnd();
  const blocks = [...read('docs/tables.md').matchAll(/^```ts\n(.*?)^```$/gms)].map(([, text = '']) => text.trimEnd());
  expect(blocks).toEqual([
    read('functions/tables/basket.ts'),
    read('test/pipelines/guide-table.test.ts'),
    read('test/pipelines/guide-changes.test.ts'),
  ]);
});
