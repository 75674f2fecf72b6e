import { readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';

const KEPT_DAYS = 7;

/**
 * Removes bundles and source maps that were last built more than a week ago. Every change of the code adds bundles of
 * about a megabyte each, so without this the folder only grows.
 */
export async function removeOldBundles(folder: string, nowMillis: number): Promise<void> {
  const names = await readdir(folder).catch(() => []);
  await Promise.all(
    names.map(async (name) => {
      const path = join(folder, name);
      // Another process may be removing it as well.
      const made = await stat(path).catch(() => undefined);
      if (made !== undefined && nowMillis - made.mtimeMs > KEPT_DAYS * 24 * 3_600_000)
        await rm(path, { recursive: true, force: true });
    }),
  );
}
