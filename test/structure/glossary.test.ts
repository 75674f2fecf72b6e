import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { REPOSITORY } from '../../infra/repository.ts';

const page = readFileSync(join(REPOSITORY, 'docs', 'glossary.md'), 'utf8');

/** The cells of every row, without the heads of the tables. */
const rows = [...page.matchAll(/^\| (?!term )(.+?) \| (.+?) \| (.+?) \|$/gm)].map(
  ([, term = '', meaning = '', owner = '']) => ({ term, meaning, owner }),
);

test('the glossary has each term once, with one sentence', () => {
  expect(rows.length).toBeGreaterThan(50);
  expect(page.match(/^\| /gm)).toHaveLength(rows.length + (page.match(/^\| term \|/gm) ?? []).length);
  const terms = rows.map(({ term }) => term);
  expect(terms).toEqual([...new Set(terms)]);
  for (const { meaning } of rows) expect(meaning).toMatch(/^[A-Z][^.]*(?:\.[0-9][^.]*)*\.$/);
});

test('every term of the glossary names a file that exists', () => {
  for (const { term, owner } of rows) {
    const [, name = '', path = ''] = owner.match(/^\[([^\]]+)\]\(([^)]+)\)$/) ?? [];
    expect(existsSync(join(REPOSITORY, 'docs', path)), `${term}: ${owner}`).toBe(true);
    expect(path.endsWith(`/${name}`), `${term}: ${owner}`).toBe(true);
  }
});
