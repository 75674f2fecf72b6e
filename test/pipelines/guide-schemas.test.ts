import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { defineTransform } from '../../functions/runtime/transform.ts';
import { schemaReport } from '../../infra/cli/reports/schema-report.ts';
import { definePipeline } from '../../infra/pipelines/pipeline.ts';
import { REPOSITORY } from '../../infra/repository.ts';
import { checkSchemas } from '../../infra/schemas/check.ts';
import { lockedAnew } from '../../infra/schemas/lock.ts';

const Order = z.object({ id: z.string(), total: z.number() });

const shopWith = (schema: z.ZodType<object>) =>
  definePipeline({
    name: 'shop',
    streams: { orders: { schema }, bills: { schema: z.object({}) } },
    transforms: {
      billing: {
        from: 'orders',
        apply: defineTransform({ entry: import.meta.url, from: schema, to: z.object({}), apply: () => [] }),
        to: 'bills',
      },
    },
  });

const changed = (schema: z.ZodType<object>) => {
  const [before, after] = [shopWith(Order), shopWith(schema)];
  const lock = lockedAnew([after], lockedAnew([before], new Map()));
  return { lock, findings: checkSchemas([after], lock) };
};

test('docs/schemas.md shows what the check says of its example', async () => {
  const page = await readFile(join(REPOSITORY, 'docs', 'schemas.md'), 'utf8');
  expect(page).toContain('export const Order = z.object({ id: z.string(), total: z.number() });');
  const { lock, findings } = changed(Order.extend({ total: z.int() }));
  const [refused] = schemaReport(lock, findings).split('\n\n');
  expect(page).toContain(`\n${refused}\n`);
});

test.each<[string, z.ZodType<object>, boolean]>([
  ['a new field that is optional', Order.extend({ note: z.string().optional() }), true],
  ['a new field that may be null', Order.extend({ note: z.string().nullish() }), true],
  ['a new field with a default', Order.extend({ note: z.string().default('') }), true],
  ['a wider type', Order.extend({ total: z.number().nullable() }), true],
  ['a new field that every event must have', Order.extend({ note: z.string() }), false],
  ['a narrower type', Order.extend({ total: z.int() }), false],
  ['the way that the page proposes', Order.extend({ cents: z.int().optional() }), true],
])('%s does what docs/schemas.md says', (_, schema, passes) => {
  expect(changed(schema).findings.every(({ state }) => state !== 'breaks')).toBe(passes);
});
