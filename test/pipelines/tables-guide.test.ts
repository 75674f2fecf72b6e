import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { REPOSITORY } from '../../infra/repository.ts';
import { planFor } from '../../infra/sql/compile.ts';

const read = (path: string): string => readFileSync(join(REPOSITORY, path), 'utf8').trimEnd();
const page = read('docs/tables.md');

test('docs/tables.md shows whole files of the repository, with their imports', () => {
  const blocks = [...page.matchAll(/^```ts\n(.*?)^```$/gms)].map(([, text = '']) => text.trimEnd());
  expect(blocks).toEqual([
    read('functions/tables/basket.ts'),
    read('test/pipelines/guide-table.test.ts'),
    read('test/pipelines/guide-sql-table.test.ts'),
    read('test/pipelines/guide-changes.test.ts'),
    read('test/pipelines/guide-windows.test.ts'),
    read('test/pipelines/guide-archive.test.ts'),
  ]);
  const statements = [...page.matchAll(/^```sql\n(-- schema.*?)^```$/gms)].map(([, text = '']) => text.trimEnd());
  expect(statements).toEqual([
    read('functions/tables/cart-contents.sql'),
    read('functions/transforms/completed-sales.sql'),
    read('functions/tables/sales-by-region.sql'),
    read('functions/tables/latest-readings.sql'),
    read('functions/tables/sales-by-quarter.sql'),
  ]);
});

const Event = z.object({ k: z.string(), v: z.int(), x: z.string(), ok: z.boolean() });
const ours = [...page.matchAll(/^\| .* \| (?:a transform: )?`(CREATE [^`]*)` \|$/gm)].map(([, text = '']) => text);

test('docs/tables.md has a statement of ours beside each of ksqlDB', () => {
  expect(ours.length).toBe(9);
});

test.each(ours)('what docs/tables.md says in the words of ksqlDB is a statement: %s', async (text) => {
  const makes = text.startsWith('CREATE TABLE') ? 'table' : 'stream';
  const plan = await planFor({ file: 't.sql', text }, Event, { from: 's', makes });
  expect(plan.outputs.map(({ name }) => name)).toContain('k');
});
