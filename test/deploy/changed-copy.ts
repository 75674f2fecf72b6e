import { execFile } from 'node:child_process';
import { cp, mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { REPOSITORY } from '../../infra/repository.ts';

/** A text in a file and its replacement. */
export interface Change {
  readonly file: string;
  readonly from: string;
  readonly to: string;
}

/** A file of this repository that a copy has under another name too. */
export interface Addition {
  readonly file: string;
  readonly as: string;
}

/** Makes a copy of this repository with changes, to deploy from. */
export async function changedCopy(
  folder: string,
  changes: readonly Change[],
  additions: readonly Addition[] = [],
): Promise<string> {
  await mkdir(folder);
  for (const name of ['functions', 'infra', 'package.json', 'package-lock.json', 'tsconfig.json', 'cdk.json']) {
    await cp(join(REPOSITORY, name), join(folder, name), { recursive: true });
  }
  await symlink(join(REPOSITORY, 'node_modules'), join(folder, 'node_modules'));
  for (const { file, as } of additions) await cp(join(REPOSITORY, file), join(folder, as));
  for (const { file, from, to } of changes) {
    const text = await readFile(join(folder, file), 'utf8');
    if (!text.includes(from)) throw new Error(`${file} no longer contains '${from}'; update this test`);
    await writeFile(join(folder, file), text.replaceAll(from, to));
  }
  const run = (...args: string[]) => promisify(execFile)(process.execPath, args, { cwd: folder });
  await run(join('infra', 'sql', 'compile-files.ts'));
  await run(join('infra', 'cli', 'main.ts'), 'schema', 'lock');
  return folder;
}
