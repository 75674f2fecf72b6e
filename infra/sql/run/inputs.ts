import { UserMistake } from '../../../functions/runtime/errors.ts';
import type { Plan } from '../plan/plan.ts';
import { rowPlan } from '../plan/split-join.ts';
import type { Column } from '../plan/sql-type.ts';
import type { FoundColumns } from './columns.ts';
import { columnsOfExport, columnsOfInputs } from './columns.ts';
import { joinedRows, type Rows, type RunInput, rowsOf } from './joined.ts';

/** The inputs of a statement: one, whose name does not matter, or several by the names that FROM may use. */
export type OpenInputs =
  | { readonly all: readonly RunInput[] }
  | { readonly byName: ReadonlyMap<string, readonly RunInput[]> };

/** What follows the name of an input: `orders=orders.csv`. */
const NAMED = /^([A-Za-z_][\w-]*)=(.+)$/s;

/**
 * Opens the files of a command line. With a name before each file, as in `orders=orders.csv`, they are several inputs.
 */
export function openInputs(files: readonly string[], open: (file: string) => RunInput): OpenInputs {
  const named = files.map((file) => NAMED.exec(file));
  if (files.length === 0 || named.every((match) => match === null))
    return { all: (files.length === 0 ? ['-'] : files).map(open) };
  const bare = named.indexOf(null);
  if (bare !== -1)
    throw new UserMistake(`${files[bare]} has no name, and others have one: write <name>=${files[bare]}`);
  const byName = new Map<string, RunInput[]>();
  for (const match of named) {
    const [, name = '', file = ''] = match ?? [];
    byName.set(name, [...(byName.get(name) ?? []), open(file)]);
  }
  return { byName };
}

/** Finds the columns of each input: those of its schema, or inferred from its first lines. */
export async function columnsByName(
  inputs: ReadonlyMap<string, readonly RunInput[]>,
  schema: string | undefined,
): Promise<{ readonly inputs: ReadonlyMap<string, readonly Column[]>; readonly mixed: FoundColumns['mixed'] }> {
  const schemas = schemasByName(schema, [...inputs.keys()]);
  const mixed: FoundColumns['mixed'][number][] = [];
  const columns = new Map<string, readonly Column[]>();
  for (const [name, files] of inputs) {
    const reference = schemas.get(name);
    const found =
      reference === undefined ? await columnsOfInputs(files) : { columns: await columnsOfExport(reference), mixed: [] };
    if (found === undefined)
      throw new UserMistake(
        `the input "${name}" has no lines, so its columns are unknown: give them with --schema ${name}=file.ts#export`,
      );
    columns.set(name, found.columns);
    mixed.push(...found.mixed);
  }
  return { inputs: columns, mixed };
}

/** Reads `--schema orders=orders.ts#Order,customers=customers.ts#Customer`. */
function schemasByName(schema: string | undefined, names: readonly string[]): ReadonlyMap<string, string> {
  const parts = schema?.split(',') ?? [];
  return new Map(
    parts.map((part) => {
      const [, name = '', reference = ''] = NAMED.exec(part) ?? [];
      if (names.includes(name)) return [name, reference] as const;
      throw new UserMistake(`--schema ${part}: write <input>=file.ts#export, where the input is ${names.join(' or ')}`);
    }),
  );
}

/** A plan, and the rows to run it on. */
export interface PlannedRows {
  readonly plan: Plan;
  readonly rows: AsyncIterable<Rows>;
}

/** Returns the rows that a statement reads. Of a join, they hold both sides. */
export function rowsFor(plan: Plan, inputs: OpenInputs): PlannedRows {
  const { join } = plan;
  if ('all' in inputs) return { plan, rows: rowsOf(plan, inputs.all) };
  const filesOf = (name: string): readonly RunInput[] => inputs.byName.get(name) ?? [];
  if (join === undefined) return { plan, rows: rowsOf(plan, filesOf(plan.from)) };
  return {
    plan: rowPlan(plan, join, 'projected'),
    rows: joinedRows(plan, join, { left: filesOf(join.left.name), right: filesOf(join.right.name) }),
  };
}
