import { createHash, randomUUID } from 'node:crypto';
import { copyFileSync, existsSync, linkSync, mkdirSync, renameSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { BUNDLED_CONFIG_FILE, type BundledConfig } from '../functions/runtime/step-config.ts';
import { BUNDLE_FILE } from './bundle.ts';
import type { CompleteBundle } from './native-files.ts';

/**
 * Makes the folder of one step's function beside the bundle's: the code, which steps with the same entry share, its
 * machine code if it has any, and the step's own part of the configuration. Returns its path, which is the same for the
 * same code and configuration.
 */
export function configuredBundle(bundle: CompleteBundle, config: BundledConfig): string {
  const { path, sha256, files } = bundle;
  const text = JSON.stringify(config);
  const hash = createHash('sha256')
    .update([sha256, text, ...files].join('\n'))
    .digest('hex');
  const made = join(dirname(path), hash.slice(0, 16));
  if (!existsSync(made)) makeWhole(made, bundle, text);
  // The removal of old bundles goes by this time.
  const now = new Date();
  utimesSync(made, now, now);
  return made;
}

/** Makes the folder in one step. Several processes may make it at once: readers see whole folders only. */
function makeWhole(made: string, { path, files }: CompleteBundle, config: string): void {
  const temporary = join(dirname(made), randomUUID());
  mkdirSync(temporary);
  try {
    copyFileSync(join(path, BUNDLE_FILE), join(temporary, BUNDLE_FILE));
    for (const file of files) linkOrCopy(file, join(temporary, basename(file)));
    writeFileSync(join(temporary, BUNDLED_CONFIG_FILE), config);
    renameSync(temporary, made);
  } catch (error) {
    if (!existsSync(made)) throw error;
  } finally {
    rmSync(temporary, { recursive: true, force: true });
  }
}

/** Machine code has dozens of megabytes, and many functions may have the same. */
function linkOrCopy(file: string, to: string): void {
  try {
    linkSync(file, to);
  } catch {
    // Another file system.
    copyFileSync(file, to);
  }
}
