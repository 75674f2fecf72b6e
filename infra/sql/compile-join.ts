import { createHash } from 'node:crypto';
import { basename } from 'node:path';
import type { z } from 'zod';
import { joinedKey } from './check/joined-table.ts';
import { checkStatement } from './check/statement.ts';
import {
  beside,
  commentLines,
  constantLines,
  exportName,
  importLines,
  indent,
  requireColumns,
  type SchemaImport,
  type SchemaReference,
} from './compile.ts';
import { expand, type ModuleCode, quoteText, typescriptModule } from './emit/module-code.ts';
import { statementCode } from './emit/statement.ts';
import type { Checked } from './plan/checked.ts';
import type { Join } from './plan/join.ts';
import type { OutputColumn, Plan } from './plan/plan.ts';
import { keyPlan, rowPlan, sidePlan } from './plan/split-join.ts';
import { typeName } from './plan/sql-type.ts';
import { outputSchemaCode } from './schema/output-schema.ts';
import { parseStatement } from './syntax/parse.ts';
import type { Source } from './syntax/source-position.ts';
import { SqlMistake } from './syntax/source-position.ts';

/** An input of a join: its schema, and how the generated module imports that. */
export interface JoinInput {
  readonly schema: z.ZodType;
  readonly schemaImport: SchemaImport;
}

/** What the compiler gets besides the `.sql` file of a join. */
export interface CompileJoinOptions {
  /** The inputs by the names that FROM gives them. */
  readonly inputs: ReadonlyMap<string, JoinInput>;
  /** The path of functions/runtime, from which the generated module imports. */
  readonly runtime: string;
}

/**
 * Reads the lines `-- schema orders: ./orders.ts#Order` of a `.sql` file, by the names of the inputs. Empty: the file
 * joins no inputs.
 */
export function schemaReferences({ text }: Source): ReadonlyMap<string, SchemaReference> {
  const found = text.matchAll(/^--\s*schema\s+([A-Za-z_][\w-]*)\s*:\s*(\S+?)#([A-Za-z_$][\w$]*)\s*$/gm);
  return new Map([...found].map(([, input = '', module = '', name = '']) => [input, { module, name }]));
}

/** Reads the schemas of the inputs of a join. Throws `SqlMistake` when the file names none. */
export function joinReferences(source: Source): ReadonlyMap<string, SchemaReference> {
  const found = schemaReferences(source);
  if (found.size > 0) return found;
  throw new SqlMistake('invalid', {
    source,
    offset: 0,
    problem: 'the file does not name the schemas of the inputs that it joins',
    hint: 'write a line for each of both, such as -- schema orders: ./orders.ts#Order',
  });
}

/** Checks the statement of a join against the schemas of its inputs. */
export async function planJoin(
  source: Source,
  schemas: ReadonlyMap<string, z.ZodType>,
): Promise<Plan & { readonly join: Join }> {
  const inputs = new Map([...schemas].map(([name, schema]) => [name, requireColumns(source, schema)]));
  const { target } = await parseStatement(source);
  const plan = await checkStatement(source, { columns: [], inputs, makes: target?.kind ?? 'stream' });
  const { join } = plan;
  if (join === undefined || plan.grouping !== undefined)
    throw new SqlMistake('invalid', {
      source,
      offset: Math.max(source.text.search(/\bfrom\b/i), 0),
      problem: 'a file in functions/joins joins two inputs',
      hint: 'write FROM orders JOIN customers ON …; SQL over one stream stands in functions/transforms or functions/tables, also to group what a join makes',
    });
  return { ...plan, join };
}

/** Compiles the `.sql` file of a join to the text of the module beside it. */
export async function compileJoin(source: Source, options: CompileJoinOptions): Promise<string> {
  const { inputs, runtime } = options;
  const plan = await planJoin(source, new Map([...inputs].map(([name, { schema }]) => [name, schema])));
  const { join, target } = plan;
  const module = typescriptModule();
  const file = basename(source.file);
  const name = exportName(file);
  const make = expand(module, join.ofTables ? '{sql-table-join/sqlTableJoin}' : '{sql-join/sqlJoin}');
  const parts = codeOfParts(module, plan);
  const imported = importedSchemas(module, { inputs, join, name });
  const streams = [
    `left: ${quoteText(join.left.name)}`,
    `right: ${quoteText(join.right.name)}`,
    ...(target === undefined ? [] : [`to: ${quoteText(target)}`]),
  ];
  const constants = constantLines(module);
  const text = [
    `// Compiled from ${file} by \`npm run sql:compile\`. Change that file, not this one.`,
    "import { z } from 'zod';",
    ...importLines(module, runtime),
    `import { joinHandler } from '${beside(runtime, 'table-state')}/join-handler.ts';`,
    ...imported.lines,
    '',
    ...constants,
    ...(constants.length > 0 ? [''] : []),
    ...commentLines(source),
    `export const ${name} = ${make}({`,
    'entry: import.meta.url,',
    `file: '${file}',`,
    `streams: { ${streams.join(', ')} },`,
    `kind: '${join.kind}',`,
    ...(join.ofTables
      ? [`key: [${joinedKey(plan, join).map(quoteText).join(', ')}],`, `shape: ${quoteText(joinShape(plan))},`]
      : [`keys: [${keyNames(plan).map(quoteText).join(', ')}],`]),
    'inputs: {',
    ...imported.inputs.map(([input, code]) => `${propertyName(input)}: ${code},`),
    '},',
    `${join.ofTables ? 'row' : 'to'}: ${outputSchemaCode(plan.outputs, schemaOfColumn({ plan, inputs, imported }))},`,
    ...Object.entries(parts).flatMap(([part, code]) => [`${part}: {`, code, '},']),
    '});',
    '',
    `export const handler = joinHandler(${name});`,
    '',
  ];
  return indent(text.join('\n'));
}

function codeOfParts(module: ModuleCode, plan: Plan & { readonly join: Join }): Readonly<Record<string, string>> {
  const code = ([part, of]: readonly [string, Plan]): [string, string] => [part, statementCode(module, of)];
  return Object.fromEntries(Object.entries(partsOf(plan)).map(code));
}

/** Returns the plans that a join consists of, by their names in its module. */
export function partsOf(plan: Plan & { readonly join: Join }): Readonly<Record<string, Plan>> {
  const { join } = plan;
  const [left, right] = [sidePlan(plan, join, 'left'), sidePlan(plan, join, 'right')];
  const deletedRight = keyPlan(plan, join, 'right');
  if (!join.ofTables) return { left, right, deleted: deletedRight, row: rowPlan(plan, join, 'whole') };
  return {
    left,
    leftDeleted: keyPlan(plan, join, 'left'),
    right,
    rightDeleted: deletedRight,
    joined: rowPlan(plan, join, 'projected'),
  };
}

/** Says what a join of two tables keeps: the columns that it reads of both, by what they are joined by. */
export function joinShape(plan: Plan & { readonly join: Join }): string {
  const { join } = plan;
  const sides = (['left', 'right'] as const).map((side) => {
    const columns = sidePlan(plan, join, side).outputs.slice(join[side].keys.length);
    const texts = columns.map(({ name, expression }) => `${name} ${typeName(expression.type)}`);
    return `${join[side].name} by ${join[side].on.map(hashOf).join(' ')}: ${texts.join(', ')}`;
  });
  return `join 1 of ${sides.join('; ')}`;
}

/** Returns a hash of what an expression computes, wherever it is written. */
function hashOf(expression: Checked): string {
  const text = JSON.stringify(expression, (name, value) => (name === 'offset' ? undefined : value));
  return createHash('sha256').update(text).digest('hex').slice(0, 12);
}

/**
 * Names the columns that hold the key of the table's rows. Rows that are kept by other columns have another key, which
 * is noticed: an expression has a name that is made of what it computes.
 */
export function keyNames({ join }: { readonly join: Join }): readonly string[] {
  return join.right.keys.map((key) => {
    const inner = key.kind === 'cast' ? key.arg : key;
    if (inner.kind === 'column' && inner.column.name !== 'row') return inner.column.name;
    return `key ${hashOf(key)}`;
  });
}

const propertyName = (name: string): string => (/^[A-Za-z_$][\w$]*$/.test(name) ? name : quoteText(name));

interface Imported {
  readonly lines: readonly string[];
  /** The code of the schema of each input. */
  readonly inputs: readonly (readonly [input: string, code: string])[];
}

/** Imports the schemas of both inputs, each under a name that nothing else in the module has. */
function importedSchemas(
  module: ModuleCode,
  { inputs, join, name }: { readonly inputs: CompileJoinOptions['inputs']; readonly join: Join; readonly name: string },
): Imported {
  const taken = new Set([...module.imports.values()].flatMap((names) => [...names]));
  for (const own of ['z', 'joinHandler', 'handler', name]) taken.add(own);
  const lines: string[] = [];
  const codes = [join.left, join.right].map(({ name: input }) => {
    const found = inputs.get(input);
    if (found === undefined) throw new Error(`the schema of ${input} is missing`);
    const { module: from, name: exported, property } = found.schemaImport;
    let local = exported;
    while (taken.has(local)) local = `${local}Schema`;
    taken.add(local);
    lines.push(`import { ${local === exported ? local : `${exported} as ${local}`} } from '${from}';`);
    return [input, property === undefined ? local : `${local}.${property}`] as const;
  });
  return { lines, inputs: codes };
}

/** Returns a function that finds the schema of the input from which an output is copied. */
function schemaOfColumn({
  plan: { join },
  inputs,
  imported,
}: {
  readonly plan: { readonly join: Join };
  readonly inputs: CompileJoinOptions['inputs'];
  readonly imported: Imported;
}) {
  return ({ expression }: OutputColumn): { readonly schema: z.ZodType; readonly name: string } | undefined => {
    if (expression.kind !== 'column') return undefined;
    const side = [join.left, join.right].find(({ table }) => table === expression.column.table);
    const [, name] = imported.inputs.find(([input]) => input === side?.name) ?? [];
    const schema = inputs.get(side?.name ?? '')?.schema;
    return name === undefined || schema === undefined ? undefined : { schema, name };
  };
}
