import { mkdir, mkdtemp, readdir, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { bundle } from '../../../infra/bundle.ts';
import { removeOldBundles } from '../../../infra/local/old-bundles.ts';

const DAY = 24 * 3_600_000;
const now = Date.now();

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'millrace-bundles-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

test('removes bundles that were built more than a week ago, with their maps, and keeps the others', async () => {
  await given('old', 8);
  await given('new', 6);
  await removeOldBundles(folder, now);
  expect((await readdir(folder)).sort()).toEqual(['new', 'new.map']);
});

test('keeps a bundle that is built again', async () => {
  const entry = { name: 'entry', code: async () => 'export const handler = () => 1;' };
  const { path } = await bundle(entry, folder);
  for (const one of [path, `${path}.map`]) await utimes(one, new Date(now - 8 * DAY), new Date(now - 8 * DAY));
  await bundle(entry, folder);
  await removeOldBundles(folder, now);
  const left = (await readdir(folder)).filter((name) => !name.endsWith('.inputs.json'));
  expect(left.sort()).toEqual([basename(path), `${basename(path)}.map`]);
  expect(await readdir(path)).toEqual(['index.mjs']);
});

test('removes nothing when there is no folder of bundles', async () => {
  await expect(removeOldBundles(join(folder, 'none'), now)).resolves.toBeUndefined();
});

async function given(name: string, days: number): Promise<void> {
  const at = new Date(now - days * DAY);
  await mkdir(join(folder, name));
  await writeFile(join(folder, name, 'index.mjs'), '');
  await writeFile(join(folder, `${name}.map`), '');
  for (const one of [name, `${name}.map`]) await utimes(join(folder, one), at, at);
}
