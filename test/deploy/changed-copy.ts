import { execFile } from 'node:child_process';
import { cp, mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { REPOSITORY } from '../../infra/repository.ts';

/** A text of a file, and what stands there instead. */
export interface Change {
  readonly file: string;
  readonly from: string;
  readonly to: string;
}

/** This repository with changes, as after an editor, `npm run sql:compile` and a git pull: what cdk deploys from. */
export async function changedCopy(folder: string, changes: readonly Change[]): Promise<string> {
  await mkdir(folder);
  for (const name of ['functions', 'infra', 'package.json', 'tsconfig.json', 'cdk.json']) {
    await cp(join(REPOSITORY, name), join(folder, name), { recursive: true });
  }
  await symlink(join(REPOSITORY, 'node_modules'), join(folder, 'node_modules'));
  for (const { file, from, to } of changes) {
    const text = await readFile(join(folder, file), 'utf8');
    if (!text.includes(from)) throw new Error(`${file} no longer has '${from}': change this test with it`);
    await writeFile(join(folder, file), text.replaceAll(from, to));
  }
  await promisify(execFile)(process.execPath, [join('infra', 'sql', 'compile-files.ts')], { cwd: folder });
  return folder;
}
