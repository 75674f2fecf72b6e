import { existsSync } from 'node:fs';
import { readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { dirname, join, relative, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { z } from 'zod';
import { compileFile, type Input, type SchemaReference, schemaReference } from './compile.ts';
import { compileJoin, joinReferences, schemaReferences } from './compile-join.ts';
import type { Source } from './syntax/source-position.ts';
import { SqlMistake } from './syntax/source-position.ts';

/**
 * The result of `npm run sql:compile [-- --check]` for one module. The command writes a module beside every `.sql` file
 * in functions/transforms, functions/tables and functions/joins. With --check it writes nothing and fails if a module
 * is missing or out of date.
 */
export interface CompiledFile {
  readonly file: string;
  /** `left over`: the module's `.sql` file does not exist any more. */
  readonly state: 'unchanged' | 'written' | 'stale' | 'left over';
}

export interface Folders {
  readonly transforms: string;
  readonly tables?: string;
  readonly joins?: string;
  /** The path of functions/runtime, from which the generated modules import. */
  readonly runtime: string;
}

export async function compileFiles(folders: Folders, { check }: { check: boolean }): Promise<readonly CompiledFile[]> {
  const { transforms, tables, joins } = folders;
  const all = [transforms, tables, joins].filter((folder) => folder !== undefined);
  const files = await Promise.all(all.map(filesBelow));
  const paths = files.flat();
  const compiled: CompiledFile[] = [];
  const inOrder = await afterTheirInputs(
    dirname(transforms),
    paths.filter((path) => path.endsWith('.sql')),
  );
  for (const path of inOrder) compiled.push(await compileOne(folders, path, check));
  for (const path of paths) {
    if (path.endsWith('.sql.ts') && !paths.includes(path.replace(/\.ts$/, '')))
      compiled.push({ file: path, state: 'left over' });
  }
  return compiled;
}

async function filesBelow(folder: string): Promise<readonly string[]> {
  const names = await readdir(folder, { recursive: true });
  return names.sort().map((name) => join(folder, name));
}

/** Compiles the transforms, tables and joins of this repository. */
export function compileSqlFiles(options: { check: boolean }): Promise<readonly CompiledFile[]> {
  const functions = resolve(import.meta.dirname, '../../functions');
  const folders = {
    transforms: join(functions, 'transforms'),
    tables: join(functions, 'tables'),
    joins: join(functions, 'joins'),
    runtime: join(functions, 'runtime'),
  };
  return compileFiles(folders, options);
}

async function compileOne(folders: Folders, path: string, check: boolean): Promise<CompiledFile> {
  const source: Source = {
    file: relative(dirname(dirname(folders.transforms)), path),
    text: await readFile(path, 'utf8'),
  };
  const text = isIn(folders.joins, path)
    ? await joinText(source, path, folders)
    : await statementText(source, path, folders);
  const target = `${path}.ts`;
  const before = await readFile(target, 'utf8').catch(() => undefined);
  if (before === text) return { file: target, state: 'unchanged' };
  if (!check) await writeFile(target, text);
  return { file: target, state: check ? 'stale' : 'written' };
}

const isIn = (folder: string | undefined, path: string): boolean =>
  folder !== undefined && !relative(folder, path).startsWith('..');

async function statementText(source: Source, path: string, folders: Folders): Promise<string> {
  return compileFile(source, {
    ...(await exportedSchema(source, dirname(path), schemaReference(source))),
    runtime: modulePath(relative(dirname(path), folders.runtime)),
    makes: isIn(folders.tables, path) ? 'table' : 'stream',
  });
}

async function joinText(source: Source, path: string, folders: Folders): Promise<string> {
  const inputs = await joinInputs(source, dirname(path));
  return compileJoin(source, { inputs, runtime: modulePath(relative(dirname(path), folders.runtime)) });
}

/** Imports the schemas of both inputs of a join. */
export async function joinInputs(source: Source, directory: string): Promise<ReadonlyMap<string, Input>> {
  const inputs = new Map<string, Input>();
  for (const [input, reference] of joinReferences(source))
    inputs.set(input, await exportedSchema(source, directory, reference));
  return inputs;
}

/** Returns the schemas that a `.sql` file names: that of its stream, or those of the inputs that it joins. */
function referencesIn(source: Source): readonly SchemaReference[] {
  const named = [...schemaReferences(source).values()];
  return named.length > 0 ? named : [schemaReference(source)];
}

const modulePath = (path: string): string => {
  const posix = path.replaceAll('\\', '/');
  return posix.startsWith('.') ? posix : `./${posix}`;
};

/** Orders files so that a statement on the output of another one comes after it. Messages name them from the folder. */
async function afterTheirInputs(folder: string, paths: readonly string[]): Promise<readonly string[]> {
  const ordered = new Set<string>();
  const visit = async (path: string, readers: readonly string[]): Promise<void> => {
    if (ordered.has(path)) return;
    const file = relative(folder, path);
    const source: Source = { file, text: await readFile(path, 'utf8') };
    for (const { module } of referencesIn(source)) {
      const input = resolve(dirname(path), module).replace(/\.ts$/, '');
      if (input === path || readers.includes(input))
        throw new SqlMistake('invalid', {
          source,
          offset: 0,
          problem: `the schema of ${file} is that of its own output`,
        });
      if (paths.includes(input)) await visit(input, [...readers, path]);
    }
    ordered.add(path);
  };
  for (const path of paths) await visit(path, []);
  return [...ordered];
}

/** Imports the schema that the first line of a `.sql` file names: a zod schema, or that of a transform or a table. */
export async function schemaOf(source: Source, directory: string): Promise<z.ZodType> {
  return (await exportedSchema(source, directory, schemaReference(source))).schema;
}

async function exportedSchema(source: Source, directory: string, { module, name }: SchemaReference): Promise<Input> {
  const path = resolve(directory, module);
  const offset = source.text.indexOf(module);
  if (!existsSync(path))
    throw new SqlMistake('invalid', { source, offset, problem: `module ${module} does not exist` });
  // A module that was compiled a moment ago must not come from Node's cache of modules.
  const version = path.endsWith('.sql.ts') ? `?version=${(await stat(path, { bigint: true })).mtimeNs}` : '';
  const exported = (await import(pathToFileURL(path).href + version)) as Record<string, unknown>;
  const found = exported[name];
  if (found instanceof z.ZodType) return { schema: found, schemaImport: { module, name } };
  const made = madeBy(found);
  if (made !== undefined) return { schema: made.schema, schemaImport: { module, name, property: made.property } };
  const schemas = Object.keys(exported).filter(
    (key) => exported[key] instanceof z.ZodType || madeBy(exported[key]) !== undefined,
  );
  throw new SqlMistake('invalid', {
    source,
    offset,
    problem: `${module} exports no zod schema named ${name}`,
    hint: schemas.length === 0 ? undefined : `it exports ${schemas.join(', ')}`,
  });
}

/** Returns the schema of a transform's outputs, or of a table's rows; undefined for anything else. */
function madeBy(value: unknown): { readonly schema: z.ZodType; readonly property: 'to' | 'row' } | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  for (const property of ['to', 'row'] as const) {
    const schema = (value as Readonly<Record<string, unknown>>)[property];
    if (schema instanceof z.ZodType) return { schema, property };
  }
  return undefined;
}

if (import.meta.main) await main();

async function main(): Promise<void> {
  const check = process.argv.includes('--check');
  try {
    const files = await compileSqlFiles({ check });
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
