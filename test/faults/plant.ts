import { readFileSync } from 'node:fs';
import { registerHooks } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { REPOSITORY } from '../../infra/repository.ts';
import { type Mistake, mistakes } from './mistakes.ts';

/**
 * Changes the text of modules that this process loads from now on, so that the mistake is in the product's own code.
 * Throws when that code has changed and no longer contains the text to replace.
 */
export function plantMistake(name: string): void {
  const mistake = mistakes[name];
  if (mistake === undefined) throw new Error(`there is no mistake '${name}'`);
  plant(name, mistake);
}

/** Does the same with a mistake that is not one of the matrix. */
export function plant(name: string, mistake: Mistake): void {
  const changed = new Map(mistake.map(({ file }) => [join(REPOSITORY, file), changedText(name, mistake, file)]));
  registerHooks({
    load(url, context, next) {
      const loaded = next(url, context);
      const source = url.startsWith('file:') ? changed.get(fileURLToPath(url)) : undefined;
      return source === undefined ? loaded : { ...loaded, source };
    },
  });
}

function changedText(name: string, mistake: Mistake, file: string): string {
  let text = readFileSync(join(REPOSITORY, file), 'utf8');
  for (const edit of mistake.filter((one) => one.file === file)) {
    if (text.split(edit.text).length !== 2)
      throw new Error(
        `the mistake '${name}' cannot be planted: ${file} does not contain its text once; update test/faults/mistakes.ts`,
      );
    text = text.replace(edit.text, () => edit.mistake);
  }
  return text;
}
