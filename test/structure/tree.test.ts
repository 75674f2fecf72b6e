import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { REPOSITORY } from '../../infra/repository.ts';
import { filesBelow } from './files.ts';

const page = readFileSync(join(REPOSITORY, 'docs', 'architecture.md'), 'utf8');

/** How many levels of folders the page shows below each of these. */
const LEVELS_SHOWN: Readonly<Record<string, number>> = { functions: 2, infra: 2, test: 1 };

/** Users add folders of their own here: the page does not have to show those. */
const CONNECTORS = ['functions/sinks', 'functions/sources'];

test('docs/architecture.md shows every folder of functions/, infra/ and test/, and none that does not exist', () => {
  expect([...foldersShown()].sort()).toEqual([...foldersThere()].sort());
});

test('docs/architecture.md names files that exist', () => {
  const named = [...page.matchAll(/`([\w/-]+\/[\w-]+\.(?:test\.)?ts)`/g)].map(([, path = '']) => path);
  expect(named.length).toBeGreaterThan(15);
  for (const path of named) {
    const places = [REPOSITORY, join(REPOSITORY, 'functions/runtime')];
    expect(
      places.some((place) => existsSync(join(place, path))),
      path,
    ).toBe(true);
  }
});

function foldersThere(): ReadonlySet<string> {
  const folders = new Set<string>();
  for (const [root, levels] of Object.entries(LEVELS_SHOWN)) {
    for (const file of filesBelow(root)) {
      const parts = dirname(file).split('/');
      for (let depth = 1; depth <= Math.min(parts.length, levels + 1); depth++)
        folders.add(parts.slice(0, depth).join('/'));
    }
  }
  return new Set([...folders].filter((folder) => !CONNECTORS.includes(dirname(folder))));
}

/** The folders of the tree, where two blanks are one level, and each line says what its folder is for. */
function foldersShown(): readonly string[] {
  const [, tree = ''] = page.match(/^## Folders\n+```\n(.*?)^```$/ms) ?? [];
  const path: string[] = [];
  return tree
    .trimEnd()
    .split('\n')
    .map((line) => {
      const [, indent = '', name] = line.match(/^( *)([\w-]+)\/ {2,}\S/) ?? [];
      if (name === undefined) throw new Error(`not a folder with what it is for: '${line}'`);
      path.splice(indent.length / 2, path.length, name);
      return path.join('/');
    });
}
