import { existsSync } from 'node:fs';
import { readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { dirname, join, relative, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { z } from 'zod';
import { compileFile, schemaReference } from './compile.ts';
import type { Source } from './syntax/source-position.ts';
import { SqlMistake } from './syntax/source-position.ts';

/**
 * The result of `npm run sql:compile [-- --check]` for one module. The command writes a module beside every `.sql` file
 * in functions/transforms. With --check it writes nothing and fails if a module is missing or out of date.
 */
export interface CompiledFile {
  readonly file: string;
  /** `left over`: the module's `.sql` file does not exist any more. */
  readonly state: 'unchanged' | 'written' | 'stale' | 'left over';
}

export interface Folders {
  readonly transforms: string;
  /** The path of functions/runtime, from which the generated modules import. */
  readonly runtime: string;
}

export async function compileFiles(folders: Folders, { check }: { check: boolean }): Promise<readonly CompiledFile[]> {
  const names = (await readdir(folders.transforms, { recursive: true })).sort();
  const compiled: CompiledFile[] = [];
  const inOrder = await afterTheirInputs(
    folders.transforms,
    names.filter((name) => name.endsWith('.sql')),
  );
  for (const name of inOrder) compiled.push(await compileOne(folders, join(folders.transforms, name), check));
  for (const name of names) {
    const path = join(folders.transforms, name);
    if (name.endsWith('.sql.ts') && !names.includes(name.replace(/\.ts$/, '')))
      compiled.push({ file: path, state: 'left over' });
  }
  return compiled;
}

/** Compiles the transforms of this repository. */
export function compileTransforms(options: { check: boolean }): Promise<readonly CompiledFile[]> {
  const functions = resolve(import.meta.dirname, '../../functions');
  return compileFiles({ transforms: join(functions, 'transforms'), runtime: join(functions, 'runtime') }, options);
}

async function compileOne(folders: Folders, path: string, check: boolean): Promise<CompiledFile> {
  const source: Source = {
    file: relative(dirname(dirname(folders.transforms)), path),
    text: await readFile(path, 'utf8'),
  };
  const { schema, isTransform } = await exportedSchema(source, dirname(path));
  const text = await compileFile(source, {
    schema,
    schemaImport: { ...schemaReference(source), isTransform },
    runtime: modulePath(relative(dirname(path), folders.runtime)),
  });
  const target = `${path}.ts`;
  const before = await readFile(target, 'utf8').catch(() => undefined);
  if (before === text) return { file: target, state: 'unchanged' };
  if (!check) await writeFile(target, text);
  return { file: target, state: check ? 'stale' : 'written' };
}

const modulePath = (path: string): string => {
  const posix = path.replaceAll('\\', '/');
  return posix.startsWith('.') ? posix : `./${posix}`;
};

/** Orders files so that a statement on the output of another one comes after it. */
async function afterTheirInputs(folder: string, names: readonly string[]): Promise<readonly string[]> {
  const ordered = new Set<string>();
  const visit = async (name: string, readers: readonly string[]): Promise<void> => {
    if (ordered.has(name)) return;
    const source: Source = { file: name, text: await readFile(join(folder, name), 'utf8') };
    const input = relative(folder, resolve(folder, dirname(name), schemaReference(source).module)).replace(/\.ts$/, '');
    if (input === name || readers.includes(input))
      throw new SqlMistake('invalid', {
        source,
        offset: 0,
        problem: `the schema of ${name} is that of its own output`,
      });
    if (names.includes(input)) await visit(input, [...readers, name]);
    ordered.add(name);
  };
  for (const name of names) await visit(name, []);
  return [...ordered];
}

/** Imports the schema that the first line of a `.sql` file names: a zod schema, or the outputs of a transform. */
export async function schemaOf(source: Source, directory: string): Promise<z.ZodType> {
  return (await exportedSchema(source, directory)).schema;
}

async function exportedSchema(
  source: Source,
  directory: string,
): Promise<{ readonly schema: z.ZodType; readonly isTransform: boolean }> {
  const { module, name } = schemaReference(source);
  const path = resolve(directory, module);
  const offset = source.text.indexOf(module);
  if (!existsSync(path))
    throw new SqlMistake('invalid', { source, offset, problem: `module ${module} does not exist` });
  // A module that was compiled a moment ago must not come from Node's cache of modules.
  const version = path.endsWith('.sql.ts') ? `?version=${(await stat(path, { bigint: true })).mtimeNs}` : '';
  const exported = (await import(pathToFileURL(path).href + version)) as Record<string, unknown>;
  const found = exported[name];
  if (found instanceof z.ZodType) return { schema: found, isTransform: false };
  const outputs = outputsOf(found);
  if (outputs !== undefined) return { schema: outputs, isTransform: true };
  const schemas = Object.keys(exported).filter(
    (key) => exported[key] instanceof z.ZodType || outputsOf(exported[key]) !== undefined,
  );
  throw new SqlMistake('invalid', {
    source,
    offset,
    problem: `${module} exports no zod schema named ${name}`,
    hint: schemas.length === 0 ? undefined : `it exports ${schemas.join(', ')}`,
  });
}

/** Returns the schema of a transform's outputs; undefined for anything else. */
function outputsOf(value: unknown): z.ZodType | undefined {
  const to = typeof value === 'object' && value !== null && 'to' in value ? value.to : undefined;
  return to instanceof z.ZodType ? to : undefined;
}

if (import.meta.main) await main();

async function main(): Promise<void> {
  const check = process.argv.includes('--check');
  try {
    const files = await compileTransforms({ check });
    for (const { file, state } of files)
      if (state !== 'unchanged') console.log(`${state}: ${relative(process.cwd(), file)}`);
    if (files.some(({ state }) => state === 'stale'))
      console.error('compiled SQL is out of date: run npm run sql:compile and commit the result');
    if (files.some(({ state }) => state === 'left over'))
      console.error('a compiled module has no .sql file any more: delete the module');
    if (files.some(({ state }) => state === 'stale' || state === 'left over')) process.exitCode = 1;
  } catch (error) {
    if (!(error instanceof SqlMistake)) throw error;
    console.error(error.message);
    process.exitCode = 1;
  }
}
