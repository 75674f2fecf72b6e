import { createHash } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { version } from 'esbuild';
import { z } from 'zod';
import { REPOSITORY } from './repository.ts';

/**
 * What a bundle was made of. While all of it has the same bytes, esbuild would make the same bundle again, which takes
 * most of a second for each function.
 */
const Recipe = z.object({
  sha256: z.string(),
  /** The packages with machine code that it loads. */
  native: z.array(z.string()),
  /** Hashes of the bundle's sources, by their paths from the repository. */
  inputs: z.record(z.string(), z.string()),
});
export type Recipe = Readonly<z.infer<typeof Recipe>>;

/** Files that decide, beside the sources, what esbuild makes of an entry: which file an import finds, and how. */
const SURROUNDINGS = ['tsconfig.json', 'package.json', 'node_modules/.package-lock.json'];

/** The code that makes bundles and recipes. This process has loaded it, so a change of it is for the next process. */
const MAKERS = ['infra/bundle.ts', 'infra/bundle-plugins.ts', 'infra/made-bundle.ts'];

/** Returns the name of the file that keeps the recipe of an entry's bundle. `entry` is its path, or its code. */
export async function recipeName(entry: string): Promise<string> {
  const hash = createHash('sha256').update(`${version}\n${entry}\n`);
  for (const file of [...SURROUNDINGS, ...MAKERS]) hash.update(`${await hashOf(file)}\n`);
  return `${hash.digest('hex').slice(0, 16)}.inputs.json`;
}

/**
 * Makes the recipe of a bundle from the files that esbuild has read. Resolves to undefined when one of them, or what
 * decides beside them, may have changed since `beganMillis`: nobody knows then which bytes esbuild has read.
 */
export async function recipeOf(
  { sha256, native }: Pick<Recipe, 'sha256' | 'native'>,
  { paths, beganMillis }: { readonly paths: readonly string[]; readonly beganMillis: number },
): Promise<Recipe | undefined> {
  for (const path of SURROUNDINGS) if (await mayHaveChanged(path, beganMillis)) return undefined;
  for (const path of MAKERS) if (await mayHaveChanged(path, performance.timeOrigin)) return undefined;
  const inputs: Record<string, string> = {};
  for (const path of paths) {
    const hash = await hashOf(path);
    if (hash === undefined || (await mayHaveChanged(path, beganMillis))) return undefined;
    inputs[path] = hash;
  }
  return { sha256, native, inputs };
}

/** Tells whether a file may have changed since a time. One that is not there has not: it may never have been there. */
async function mayHaveChanged(path: string, sinceMillis: number): Promise<boolean> {
  const found = await stat(join(REPOSITORY, path)).catch(() => undefined);
  return found !== undefined && found.ctimeMs >= sinceMillis - CLOCK_MILLIS;
}

/** A file system's times lag behind the clock by a few milliseconds. */
const CLOCK_MILLIS = 100;

/** Reads a recipe. Resolves to undefined when there is none, or when a source has changed since. */
export async function freshRecipe(path: string): Promise<Recipe | undefined> {
  const text = await readFile(path, 'utf8').catch(() => undefined);
  const recipe = text === undefined ? undefined : Recipe.safeParse(jsonOf(text)).data;
  if (recipe === undefined) return undefined;
  // One file after the other: a stage has dozens of bundles of a thousand sources each, and a process may open a few
  // thousand files at once.
  for (const [file, hash] of Object.entries(recipe.inputs)) if ((await hashOf(file)) !== hash) return undefined;
  return recipe;
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Hashes that this process has computed: the functions of a stage have most of their sources in common. */
const known = new Map<string, Known>();

interface Known {
  readonly written: string;
  readonly hash: string;
}

/** Hashes a file of the repository. Resolves to undefined when there is none. */
async function hashOf(path: string): Promise<string | undefined> {
  const file = join(REPOSITORY, path);
  const found = await stat(file, { bigint: true }).catch(() => undefined);
  if (found === undefined) return undefined;
  const written = `${found.mtimeNs} ${found.ctimeNs} ${found.size} ${found.ino}`;
  const before = known.get(path);
  if (before?.written === written) return before.hash;
  const bytes = await readFile(file).catch(() => undefined);
  if (bytes === undefined) return undefined;
  const hash = createHash('sha256').update(bytes).digest('hex');
  known.set(path, { written, hash });
  return hash;
}
