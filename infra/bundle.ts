import { createHash, randomUUID } from 'node:crypto';
import { mkdir, readFile, rename, rm, utimes, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { type BuildFailure, type BuildOptions, type BuildResult, build, type Metafile, type OutputFile } from 'esbuild';
import { UserMistake } from '../functions/runtime/errors.ts';
import { MADE_BY_PLUGIN, PLUGINS } from './bundle-plugins.ts';
import { freshRecipe, recipeName, recipeOf } from './made-bundle.ts';
import { REPOSITORY } from './repository.ts';

/** The file of a bundle that Lambda loads, and the function in it, as Lambda's `Handler` setting names it. */
export const BUNDLE_FILE = 'index.mjs';
export const HANDLER = 'index.handler';

export interface Bundle {
  /** The folder that holds the function's file and nothing else. */
  readonly path: string;
  /** The hash of the function's bytes: the same for the same sources on any machine. */
  readonly sha256: string;
  /** The packages whose machine code the function loads from its folder (native-files.ts). */
  readonly native: readonly string[];
}

/** The source of a function: a module's path in the repository, or code that is generated for the bundle. */
export type Entry = string | GeneratedEntry;

export interface GeneratedEntry {
  /** The name in error messages. */
  readonly name: string;
  /** Returns TypeScript whose imports are relative to the repository. */
  code(): Promise<string>;
}

/**
 * Bundles a function into `<folder>/<sha256>/index.mjs`. The source map lies beside that folder, so that functions
 * neither carry nor load it. The AWS SDK is in the bundle: Lambda's own copy is another version, and a function carries
 * only the clients that it uses. A bundle whose sources have not changed is not made again.
 */
export async function bundle(entry: Entry, folder: string): Promise<Bundle> {
  const beganMillis = Date.now();
  const input = await inputOf(entry);
  const recipe = join(folder, await recipeName(JSON.stringify(input)));
  return (await madeBefore(recipe, folder)) ?? (await make({ entry, input, recipe, beganMillis }, folder));
}

async function madeBefore(recipe: string, folder: string): Promise<Bundle | undefined> {
  const fresh = await freshRecipe(recipe);
  if (fresh === undefined) return undefined;
  const path = pathOf(folder, fresh.sha256);
  const [code, map] = await Promise.all(
    [join(path, BUNDLE_FILE), `${path}.map`].map((file) => readFile(file).catch(() => undefined)),
  );
  if (code === undefined || map === undefined || sha256Of(code) !== fresh.sha256) return undefined;
  await touch([path, `${path}.map`, recipe]);
  return { path, sha256: fresh.sha256, native: fresh.native };
}

interface Making {
  readonly entry: Entry;
  readonly input: Input;
  /** The path of the file that keeps what the bundle is made of. */
  readonly recipe: string;
  readonly beganMillis: number;
}

async function make({ entry, input, recipe, beganMillis }: Making, folder: string): Promise<Bundle> {
  const { outputFiles, metafile } = await built(entry, input);
  const code = contentsOf(outputFiles, BUNDLE_FILE);
  const sha256 = sha256Of(code);
  const path = pathOf(folder, sha256);
  await mkdir(path, { recursive: true });
  const temporary = join(folder, randomUUID());
  await replaceFile(join(path, BUNDLE_FILE), code, temporary);
  await replaceFile(`${path}.map`, contentsOf(outputFiles, `${BUNDLE_FILE}.map`), temporary);
  const native = nativeOf(metafile);
  const made = await recipeOf({ sha256, native }, { paths: filesOf(metafile, input), beganMillis });
  if (made !== undefined) await replaceFile(recipe, Buffer.from(JSON.stringify(made)), temporary);
  await touch([path, `${path}.map`]);
  return { path, sha256, native };
}

/**
 * Lists the files that a bundle is made of. Generated code is no file: it is part of the recipe's name. Nor is a
 * plugin's own module: its code stands in this file.
 */
function filesOf({ inputs }: Metafile, { stdin }: Input): readonly string[] {
  return Object.keys(inputs).filter((path) => path !== stdin?.sourcefile && !MADE_BY_PLUGIN.test(path));
}

function nativeOf({ inputs }: Metafile): string[] {
  return Object.keys(inputs).flatMap((path) => (path.startsWith('native:') ? [path.slice('native:'.length)] : []));
}

function pathOf(folder: string, sha256: string): string {
  return join(folder, sha256.slice(0, 16));
}

function sha256Of(code: Uint8Array): string {
  return createHash('sha256').update(code).digest('hex');
}

/** The removal of old bundles goes by these times. */
async function touch(paths: readonly string[]): Promise<void> {
  const now = new Date();
  await Promise.all(paths.map((path) => utimes(path, now, now)));
}

/**
 * Computes the part of an event source's name that changes with a step's code or options. 12 of the hash's 64 digits,
 * because the name is in every event.
 */
export function generationOf(bundled: Pick<Bundle, 'sha256'>, options: unknown): string {
  return createHash('sha256')
    .update(`${bundled.sha256}\n${canonicalJson(options)}`)
    .digest('hex')
    .slice(0, 12);
}

/**
 * A `require` for CommonJS packages inside the bundle (pg), which load Node's own modules. An ES module has none, and
 * one made by `createRequire` would take a tenth of the start-up time.
 */
const REQUIRE =
  'const require=name=>{const found=process.getBuiltinModule(name);' +
  'if(!found)throw Object.assign(Error(name+" is not in the bundle"),{code:"MODULE_NOT_FOUND"});return found};';

const OPTIONS = {
  absWorkingDir: REPOSITORY,
  outfile: BUNDLE_FILE,
  write: false,
  metafile: true,
  bundle: true,
  platform: 'node',
  target: 'node24',
  format: 'esm',
  mainFields: ['module', 'main'],
  minify: true,
  treeShaking: true,
  legalComments: 'none',
  sourcemap: 'external',
  sourcesContent: false,
  banner: { js: REQUIRE },
  // pg tries to load it, and works without.
  external: ['pg-native'],
  plugins: [...PLUGINS],
  logLevel: 'silent',
} as const satisfies BuildOptions;

async function built(entry: Entry, input: Input): Promise<BuildResult<typeof OPTIONS>> {
  try {
    return await build({ ...OPTIONS, ...input });
  } catch (error) {
    const { errors } = error as BuildFailure;
    if (errors === undefined) throw error;
    const lines = errors.map(
      ({ text, location: at }) => `  ${at ? `${at.file}:${at.line}:${at.column}: ` : ''}${text}`,
    );
    throw new UserMistake(`${typeof entry === 'string' ? entry : entry.name} cannot be bundled:\n${lines.join('\n')}`);
  }
}

type Input = Pick<BuildOptions, 'entryPoints' | 'stdin'>;

async function inputOf(entry: Entry): Promise<Input> {
  if (typeof entry === 'string') return { entryPoints: [entry] };
  return { stdin: { contents: await entry.code(), resolveDir: REPOSITORY, sourcefile: entry.name, loader: 'ts' } };
}

function contentsOf(files: readonly OutputFile[], name: string): Uint8Array {
  const file = files.find(({ path }) => basename(path) === name);
  if (file === undefined) throw new Error(`esbuild wrote no ${name}, only ${files.map(({ path }) => path).join(', ')}`);
  return file.contents;
}

/** Replaces a file in one step. Several processes may bundle at once: readers see whole files only. */
async function replaceFile(path: string, contents: Uint8Array, temporary: string): Promise<void> {
  const present = await readFile(path).catch(() => undefined);
  if (present?.equals(contents)) return;
  try {
    await writeFile(temporary, contents);
    await rename(temporary, path);
  } finally {
    await rm(temporary, { force: true });
  }
}

/** Writes JSON with sorted keys, so that the order in which options are written does not matter. */
function canonicalJson(value: unknown): string {
  return JSON.stringify(value ?? null, (_, inner: unknown) =>
    inner !== null && typeof inner === 'object' && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  );
}
