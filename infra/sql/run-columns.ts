import { access } from 'node:fs/promises';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { z } from 'zod';
import { UserMistake } from '../../functions/runtime/errors.ts';
import { inferColumns } from './infer-columns.ts';
import type { Input } from './run-input.ts';
import { columnsOfSchema } from './schema-columns.ts';
import type { Column } from './sql-type.ts';

/** The columns of the schema that `--schema file.ts#export` names. */
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

/** What the first lines of the inputs have. Undefined when there are no lines. The inputs given back still have those that were looked at. */
export async function columnsOfInputs(
  inputs: readonly Input[],
): Promise<{ columns: readonly Column[] | undefined; inputs: readonly Input[] }> {
  for (const [i, { file, parts }] of inputs.entries()) {
    const first = await parts.next();
    if (first.done === true) continue;
    const columns = inferColumns(sampleOf(first.value));
    if (columns.length === 0)
      throw new UserMistake(
        `${file.name}: its first lines are no JSON objects: say --input csv, or --schema file.ts#export`,
      );
    return { columns, inputs: [{ file, parts: withFirst(first.value, parts) }, ...inputs.slice(i + 1)] };
  }
  return { columns: undefined, inputs };
}

async function* withFirst(first: Buffer, rest: AsyncGenerator<Buffer>): AsyncGenerator<Buffer> {
  yield first;
  yield* rest;
}

const SAMPLED = 1000;
const SAMPLED_BYTES = 4 << 20;

function sampleOf(part: Buffer): readonly Record<string, unknown>[] {
  return part
    .toString('utf8', 0, SAMPLED_BYTES)
    .split('\n', SAMPLED)
    .flatMap((line) => {
      try {
        const value: unknown = JSON.parse(line);
        return typeof value === 'object' && value !== null && !Array.isArray(value)
          ? [value as Record<string, unknown>]
          : [];
      } catch {
        // A line that is no JSON is rejected when it is run, with its number.
        return [];
      }
    });
}
