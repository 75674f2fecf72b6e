import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cp, mkdir, mkdtemp, readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { BUNDLE_FILE, type Bundle, bundle, type Entry } from '../../../infra/bundle.ts';
import { REPOSITORY } from '../../../infra/repository.ts';

/** A folder inside the repository, because the bundler reads only there. */
let folder: string;

beforeAll(async () => {
  await mkdir(join(REPOSITORY, '.millrace'), { recursive: true });
  folder = await mkdtemp(join(REPOSITORY, '.millrace', 'made-bundle-test-'));
});

afterAll(() => rm(folder, { recursive: true, force: true }));

/** Writes a source, and waits until its time is in the past for a bundler that begins now. */
async function written(name: string, code: string): Promise<string> {
  const file = join(folder, name);
  await writeFile(file, code);
  const began = Date.now();
  while (Date.now() - began < 150) await new Promise((done) => setTimeout(done, 10));
  return file;
}

const made = (file: string, into: string): Promise<Bundle> => bundle(relative(REPOSITORY, file), into);
const codeOf = ({ path }: Bundle): Promise<string> => readFile(join(path, BUNDLE_FILE), 'utf8');

/** Makes a recipe say that another bundle was made of the sources: who gets that bundle has read the recipe. */
async function marked(into: string): Promise<string> {
  const code = 'export const handler = "marked";';
  const sha256 = createHash('sha256').update(code).digest('hex');
  const path = join(into, sha256.slice(0, 16));
  await mkdir(path, { recursive: true });
  await writeFile(join(path, BUNDLE_FILE), code);
  await writeFile(`${path}.map`, '{}');
  const [name = ''] = (await readdir(into)).filter((one) => one.endsWith('.inputs.json'));
  const recipe = JSON.parse(await readFile(join(into, name), 'utf8')) as { inputs: Record<string, string> };
  await writeFile(join(into, name), JSON.stringify({ ...recipe, sha256 }));
  return sha256;
}

test('a bundle whose sources are as they were is not made again', async () => {
  const into = join(folder, 'same');
  const file = await written('same.ts', 'export const handler = 1;');
  await made(file, into);
  const sha256 = await marked(into);
  expect((await made(file, into)).sha256).toBe(sha256);
  // The same bytes, written again.
  await utimes(file, new Date(), new Date());
  expect((await made(file, into)).sha256).toBe(sha256);
});

test('a bundle of more sources than a process may open files is not made again', async () => {
  const into = join(folder, 'many');
  const names = Array.from({ length: 400 }, (_, number) => `source-${number}`);
  for (const name of names) await writeFile(join(folder, `${name}.ts`), '(globalThis as { n?: number }).n = 1;');
  const code = names.map((name) => `import "./${name}.ts";`).join('\n');
  const file = await written('many.ts', `${code}\nexport const handler = 1;`);
  await made(file, into);
  const sha256 = await marked(into);
  const again = `const { bundle } = await import('${join(REPOSITORY, 'infra', 'bundle.ts')}');
    console.log((await bundle('${relative(REPOSITORY, file)}', '${into}')).sha256);`;
  const shell = 'ulimit -n 200 && exec "$0" --input-type=module --eval "$1"';
  const { stdout } = await promisify(execFile)('sh', ['-c', shell, process.execPath, again]);
  expect(stdout.trim()).toBe(sha256);
});

test('a bundle is made again when the entry or anything that it imports has changed', async () => {
  const into = join(folder, 'changed');
  const imported = await written('imported.ts', 'export const value = "one";');
  const file = await written('changed.ts', 'import { value } from "./imported.ts"; export const handler = value;');
  await made(file, into);
  await marked(into);
  await writeFile(imported, 'export const value = "two";');
  expect(await codeOf(await made(file, into))).toContain('two');
  await writeFile(file, 'export const handler = "three";');
  expect(await codeOf(await made(file, into))).toContain('three');
  await rm(file);
  await expect(made(file, into)).rejects.toThrow('cannot be bundled');
});

test('a source that may have changed while the bundle was made leaves no recipe', async () => {
  const into = join(folder, 'quick');
  await writeFile(join(folder, 'quick.ts'), 'export const handler = 1;');
  await made(join(folder, 'quick.ts'), into);
  expect((await readdir(into)).filter((name) => name.endsWith('.inputs.json'))).toEqual([]);
});

test('a bundle of generated code is made again when the code or anything that it imports has changed', async () => {
  const into = join(folder, 'generated');
  const imported = await written('of-generated.ts', 'export const value = "one";');
  const entry = (more: string): Entry => ({
    name: 'orders/generated',
    code: async () =>
      `import { value } from './${relative(REPOSITORY, imported)}'; export const handler = [value, '${more}'];`,
  });
  await bundle(entry('first'), into);
  const sha256 = await marked(into);
  expect((await bundle(entry('first'), into)).sha256).toBe(sha256);
  expect(await codeOf(await bundle(entry('second'), into))).toContain('second');
  await writeFile(imported, 'export const value = "two";');
  expect(await codeOf(await bundle(entry('first'), into))).toContain('two');
});

test('a process whose code for bundles has changed since it began leaves no recipe', async () => {
  const copy = join(folder, 'copy');
  const makers = ['infra/bundle.ts', 'infra/bundle-plugins.ts', 'infra/made-bundle.ts'];
  for (const file of [...makers, 'infra/repository.ts', 'functions/runtime/errors.ts'])
    await cp(join(REPOSITORY, file), join(copy, file));
  for (const file of ['tsconfig.json', 'package.json']) await cp(join(REPOSITORY, file), join(copy, file));
  await written('copy/entry.ts', 'export const handler = 1;');
  const copied = (await import(pathToFileURL(join(copy, 'infra/bundle.ts')).href)) as { bundle: typeof bundle };
  await copied.bundle('entry.ts', join(copy, 'bundles'));
  expect((await readdir(join(copy, 'bundles'))).filter((name) => name.endsWith('.inputs.json'))).toEqual([]);
});

test('a bundle that was damaged or removed, and a recipe that was damaged, do not count', async () => {
  const into = join(folder, 'damaged');
  const file = await written('damaged.ts', 'export const handler = "whole";');
  const { path, sha256 } = await made(file, into);
  const [name = ''] = (await readdir(into)).filter((one) => one.endsWith('.inputs.json'));
  await writeFile(join(path, BUNDLE_FILE), 'export const handler = "damaged";');
  expect(await codeOf(await made(file, into))).toContain('whole');
  await rm(path, { recursive: true });
  expect(await codeOf(await made(file, into))).toContain('whole');
  await rm(`${path}.map`);
  await made(file, into);
  expect(await readFile(`${path}.map`, 'utf8')).toContain('mappings');
  for (const text of ['', '{"sha256":1}', '[]']) {
    await writeFile(join(into, name), text);
    expect((await made(file, into)).sha256).toBe(sha256);
  }
});

test('a bundle that was made elsewhere is none of this folder', async () => {
  const [one, other] = [join(folder, 'one'), join(folder, 'other')];
  const file = await written('moved.ts', 'export const handler = 1;');
  await made(file, one);
  await cp(one, other, { recursive: true });
  expect((await made(file, other)).path.startsWith(other)).toBe(true);
});
