import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { connectorTexts } from '../../../infra/reference/connector-texts.ts';
import { connectorPage } from '../../../infra/reference/connectors.ts';
import { optionTable } from '../../../infra/reference/option-table.ts';

const page = readFileSync(new URL('../../../docs/connectors.md', import.meta.url), 'utf8');

test('docs/connectors.md is what `node infra/reference/connectors.ts` writes', () => {
  expect(page).toBe(connectorPage());
});

describe.each(Object.values(connectorTexts))('$call', ({ call, options }) => {
  const [, part = ''] = page.split(`\n### ${call}\n`);
  const ownPart = part.slice(0, part.search(/\n##/));
  const names = Object.keys((options as z.ZodObject).shape);

  test('has a row for each of its options, and says what it guarantees', () => {
    const rows = [...ownPart.matchAll(/^\| `(\w+)` \| (.+) \|$/gm)];
    expect(rows.map(([, name]) => name)).toEqual(names);
    expect(ownPart).toContain('*Delivery guarantees.*');
  });

  test('has an example, and the examples of the page show each of its options', () => {
    const example = /```ts\n([^`]+)```/.exec(ownPart)?.[1] ?? '';
    expect(example).toContain(`${call}({`);
    expect(names.filter((name) => !new RegExp(`\\b${name}: `).test(example))).toEqual([]);
  });
});

describe('the table of options', () => {
  test('says type, default, limits and meaning of an option', () => {
    const options = z.strictObject({
      name: z.string().max(9).describe('What it is called.'),
      mode: z.enum(['a', 'b']).default('a').describe('How: `a|b`.'),
      count: z.int().min(2).optional().meta({ description: 'How many.', otherwise: 'as many as come' }),
      tags: z.array(z.string().regex(/^t/, 'begins with t')).min(1).default(['t']).describe('Which.'),
    });
    expect(optionTable('x', options).split('\n').slice(2)).toEqual([
      '| `name` | `string` | *required* | at most 9 characters | What it is called. |',
      "| `mode` | `'a' \\| 'b'` | `'a'` |  | How: `a\\|b`. |",
      '| `count` | `integer` | as many as come | at least 2 | How many. |',
      "| `tags` | `string[]` | `['t']` | begins with t; at least 1 element | Which. |",
    ]);
  });

  test.each([
    [{ name: z.string() }, 'the option x.name has no description'],
    [{ name: z.string().optional().meta({ otherwise: 'none' }) }, 'the option x.name has no description'],
    [{ name: z.string().optional().describe('A name.') }, 'the option x.name may be left out'],
    [{ name: z.object({}).describe('A name.') }, 'the option x.name has a type without a word'],
  ])('is not written for an option that its schema does not explain', (shape, error) => {
    expect(() => optionTable('x', z.strictObject(shape))).toThrow(error);
  });
});
