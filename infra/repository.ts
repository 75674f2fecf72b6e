import { dirname, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { UserMistake } from '../functions/runtime/errors.ts';

/** The root of the repository: what is the same on every machine is relative to it. */
export const REPOSITORY = dirname(dirname(fileURLToPath(import.meta.url)));

/** A module's URL (`import.meta.url` there) as a path relative to the repository. */
export function inRepository(url: string): string {
  const path = relative(REPOSITORY, fileURLToPath(url));
  if (path.startsWith('..')) throw new UserMistake(`the module ${url} is not inside the repository: move it there`);
  return path;
}
