import { access } from 'node:fs/promises';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { z } from 'zod';
import { UserMistake } from '../../../functions/runtime/errors.ts';
import type { Column } from '../plan/sql-type.ts';
import { columnsOfSchema } from '../schema/schema-columns.ts';
import type { Input } from './input.ts';

/** Returns the columns of the schema that `--schema file.ts#export` names. */
export async function columnsOfExport(reference: string): Promise<readonly Column[]> {
  const [file, name] = reference.split('#');
  if (file === undefined || name === undefined || name === '')
    throw new UserMistake(`--schema ${reference}: write file.ts#export`);
  await access(file);
  const module = (await import(pathToFileURL(resolve(file)).href)) as Record<string, unknown>;
  const schema = module[name];
  if (!(schema instanceof z.ZodType))
    throw new UserMistake(`--schema ${reference}: ${file} exports no zod schema named ${name}`);
  const columns = columnsOfSchema(schema);
  if (columns === undefined) throw new UserMistake(`--schema ${reference}: the schema is not an object`);
  return columns;
}

/** Infers the columns from the first input that has any lines. Returns undefined if no input has lines. */
export async function columnsOfInputs(inputs: readonly Input[]): Promise<readonly Column[] | undefined> {
  for (const { file, columns: find } of inputs) {
    const columns = await find();
    if (columns === undefined) continue;
    if (columns.length > 0) return columns;
    throw new UserMistake(
      `${file.name}: the first lines are not JSON objects: use --input csv, or --schema file.ts#export`,
    );
  }
  return undefined;
}
