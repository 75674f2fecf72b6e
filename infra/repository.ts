import { dirname, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { UserMistake } from '../functions/runtime/errors.ts';

/** The root of the repository. Paths that must be the same on every machine are relative to it. */
export const REPOSITORY = dirname(dirname(fileURLToPath(import.meta.url)));

/** Turns a module's URL (its `import.meta.url`) into a path relative to the repository. */
export function inRepository(url: string): string {
  const path = relative(REPOSITORY, fileURLToPath(url));
  if (path.startsWith('..')) throw new UserMistake(`the module ${url} is not inside the repository: move it there`);
  return path;
}
