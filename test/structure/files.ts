import { readdirSync } from 'node:fs';
import { join } from 'node:path';

/** The TypeScript files below a folder of this repository, as paths from its top. */
export function filesBelow(folder: string): readonly string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
    .map((entry) => join(entry.parentPath, entry.name));
}
