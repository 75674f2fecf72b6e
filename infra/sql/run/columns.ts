import { access } from 'node:fs/promises';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { z } from 'zod';
import { UserMistake } from '../../../functions/runtime/errors.ts';
import type { Column } from '../plan/sql-type.ts';
import type { MixedColumn } from '../schema/infer-columns.ts';
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

/** The columns of a statement's input. */
export interface FoundColumns {
  readonly columns: readonly Column[];
  /** Columns whose values are of several kinds, if the columns were inferred. */
  readonly mixed: readonly (MixedColumn & { readonly file: string })[];
}

/** Infers the columns from the first input that has any lines. Returns undefined if no input has lines. */
export async function columnsOfInputs(inputs: readonly Input[]): Promise<FoundColumns | undefined> {
  for (const { file, columns: find } of inputs) {
    const found = await find();
    if (found === undefined) continue;
    const { columns, mixed } = found;
    if (columns.length > 0) return { columns, mixed: mixed.map((each) => ({ ...each, file: file.name })) };
    throw new UserMistake(
      `${file.name}: the first lines are not JSON objects: use --input csv, or --schema file.ts#export`,
    );
  }
  return undefined;
}

/** Says where the values of a column begin to be of another kind, and what to do. */
export function mixedNote({ file, line, name, first, value, type }: FoundColumns['mixed'][number]): string {
  return `${file}:${line}: column "${name}" holds ${value} here and ${first} in the lines before, so it is read as ${type}: correct the line, or give the column's type with --schema file.ts#export`;
}
