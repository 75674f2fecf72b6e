import { createHash, randomUUID } from 'node:crypto';
import { copyFileSync, existsSync, mkdirSync, renameSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { BUNDLED_CONFIG_FILE, type BundledConfig } from '../functions/runtime/step-config.ts';
import { BUNDLE_FILE, type Bundle } from './bundle.ts';

/**
 * Makes the folder of one step's function beside the bundle's: the code, which steps with the same entry share, and the
 * step's own part of the configuration. Returns its path, which is the same for the same code and configuration.
 */
export function configuredBundle({ path, sha256 }: Pick<Bundle, 'path' | 'sha256'>, config: BundledConfig): string {
  const text = JSON.stringify(config);
  const hash = createHash('sha256').update(`${sha256}\n${text}`).digest('hex');
  const made = join(dirname(path), hash.slice(0, 16));
  if (!existsSync(made)) makeWhole(made, path, text);
  // The removal of old bundles goes by this time.
  const now = new Date();
  utimesSync(made, now, now);
  return made;
}

/** Makes the folder in one step. Several processes may make it at once: readers see whole folders only. */
function makeWhole(made: string, bundle: string, config: string): void {
  const temporary = join(dirname(made), randomUUID());
  mkdirSync(temporary);
  try {
    copyFileSync(join(bundle, BUNDLE_FILE), join(temporary, BUNDLE_FILE));
    writeFileSync(join(temporary, BUNDLED_CONFIG_FILE), config);
    renameSync(temporary, made);
  } catch (error) {
    if (!existsSync(made)) throw error;
  } finally {
    rmSync(temporary, { recursive: true, force: true });
  }
}
