import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { REPOSITORY } from '../../infra/repository.ts';

const inDocs = readdirSync(join(REPOSITORY, 'docs')).filter((name) => name.endsWith('.md'));
const pages = ['README.md', 'CONTRIBUTING.md', ...inDocs.map((name) => `docs/${name}`)];

test.each(pages)('the links of %s lead to files and sections that exist', (page) => {
  for (const [link, path = '', section] of linksOf(page)) {
    const target = path === '' ? page : join(dirname(page), path);
    expect(existsSync(join(REPOSITORY, target)), link).toBe(true);
    if (section !== undefined) expect(sectionsOf(target), link).toContain(section);
  }
});

test('the README lists every page of docs/', () => {
  const linked = new Set([...linksOf('README.md')].map(([, path]) => path));
  for (const page of pages.slice(1)) expect(linked, page).toContain(page);
});

/** The links within the repository: the whole link, the path, and the section. */
function linksOf(page: string): Iterable<readonly (string | undefined)[]> {
  return withoutCode(page).matchAll(/\]\((?!https?:)([^)#]*)(?:#([^)]+))?\)/g);
}

/** As GitHub makes them of headings. */
function sectionsOf(page: string): readonly string[] {
  const titles = [...withoutCode(page).matchAll(/^#+ (.*)$/gm)].map(([, title = '']) => title);
  return titles.map((title) =>
    title
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  );
}

function withoutCode(page: string): string {
  return readFileSync(join(REPOSITORY, page), 'utf8').replaceAll(/^```.*?^```$/gms, '');
}
