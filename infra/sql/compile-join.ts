import type { z } from 'zod';
import type { DeclaredKey } from './check/foreign-key.ts';
import { joinedKey } from './check/joined-table.ts';
import { checkStatement } from './check/statement.ts';
import { type Input, requireColumns, type SchemaReference } from './compile.ts';
import { expand, type ModuleCode, quoteText, typescriptModule } from './emit/module-code.ts';
import { beside, importSchema, moduleText, takenNames } from './emit/module-text.ts';
import { statementCode } from './emit/statement.ts';
import { isForeign, leftIdPlan, leftRowPlan } from './plan/foreign-join.ts';
import type { Join } from './plan/join.ts';
import { joinShape, keyNames } from './plan/join-shape.ts';
import type { OutputColumn, Plan } from './plan/plan.ts';
import { formOf, keyPlan, rowPlan, sidePlan } from './plan/split-join.ts';
import { outputSchemaCode } from './schema/output-schema.ts';
import type { Source } from './syntax/source-position.ts';
import { offsetOfKeyword, SqlMistake } from './syntax/source-position.ts';

/** What the compiler gets besides the `.sql` file of a join. */
export interface CompileJoinOptions {
  /** The inputs by the names that FROM gives them. */
  readonly inputs: ReadonlyMap<string, Input>;
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

/** Reads the lines `-- key orders: order_id` of a `.sql` file: what the rows of an input are keyed by. */
export function declaredKeys({ text }: Source): ReadonlyMap<string, DeclaredKey> {
  const found = text.matchAll(/^--\s*key\s+([A-Za-z_][\w-]*)\s*:\s*(\S.*?)\s*$/gm);
  return new Map(
    [...found].map(({ index, 1: input = '', 2: columns = '' }) => [
      input,
      { columns: columns.split(',').map((column) => column.trim()), offset: index },
    ]),
  );
}

/** Checks the statement of a join against the schemas of its inputs. */
export async function planJoin(
  source: Source,
  schemas: ReadonlyMap<string, z.ZodType>,
): Promise<Plan & { readonly join: Join }> {
  const inputs = new Map([...schemas].map(([name, schema]) => [name, requireColumns(source, schema)]));
  const plan = await checkStatement(source, { columns: [], inputs, keys: declaredKeys(source), makes: 'either' });
  const { join } = plan;
  if (join === undefined || plan.grouping !== undefined)
    throw new SqlMistake('invalid', {
      source,
      offset: offsetOfKeyword(source, /\bfrom\b/i),
      problem: 'a file in functions/joins joins two inputs',
      hint: 'write FROM orders JOIN customers ON …; SQL over one stream stands in functions/transforms or functions/tables, also to group what a join makes',
    });
  return { ...plan, join };
}

/** Compiles the `.sql` file of a join to the text of the module beside it. */
export async function compileJoin(source: Source, options: CompileJoinOptions): Promise<string> {
  const { inputs, runtime } = options;
  const plan = await planJoin(source, new Map([...inputs].map(([name, { schema }]) => [name, schema])));
  const { join } = plan;
  const module = typescriptModule();
  const make = expand(module, makerOf(join));
  const parts = codeOfParts(module, plan);
  const handler = { name: 'joinHandler', module: `${beside(runtime, 'table-state')}/join-handler.ts` };
  const taken = takenNames(module, { source, handler });
  const sides = [join.left, join.right].map(({ name: input, table }) => {
    const { schema, schemaImport } = inputOf(inputs, input);
    const imported = importSchema(schemaImport, taken);
    return { input, table, schema, imported, name: imported.code };
  });
  const copiedFrom = ({ expression }: OutputColumn) =>
    expression.kind === 'column' ? sides.find(({ table }) => table === expression.column.table) : undefined;
  return moduleText(module, {
    source,
    runtime,
    handler,
    make,
    schemas: sides.map(({ imported }) => imported),
    streams: { left: join.left.name, right: join.right.name, to: plan.target },
    body: [
      `kind: '${join.kind}',`,
      ...keptCode(plan),
      'inputs: {',
      ...sides.map(({ input, name }) => `${propertyName(input)}: ${name},`),
      '},',
      `${join.ofTables ? 'row' : 'to'}: ${outputSchemaCode(plan.outputs, copiedFrom)},`,
      ...Object.entries(parts).flatMap(([part, code]) => [`${part}: {`, code, '},']),
    ],
  });
}

/** Returns the runtime's function that makes the join. */
function makerOf({ ofTables, within, foreign }: Join): string {
  if (foreign !== undefined) return '{sql-foreign-join/sqlForeignJoin}';
  if (ofTables) return '{sql-table-join/sqlTableJoin}';
  return within === undefined ? '{sql-join/sqlJoin}' : '{sql-within-join/sqlWithinJoin}';
}

/** Returns the code of what the join keeps. */
function keptCode(plan: Plan & { readonly join: Join }): readonly string[] {
  const { join } = plan;
  const shape = `shape: ${quoteText(joinShape(plan))},`;
  if (join.ofTables)
    return [
      `key: [${joinedKey(plan, join).map(quoteText).join(', ')}],`,
      ...(join.foreign === undefined ? [] : [`foreignKeys: ${join.left.keys.length},`]),
      shape,
    ];
  if (join.within === undefined)
    return [
      `keys: [${keyNames(plan).map(quoteText).join(', ')}],`,
      ...(join.asOf === undefined ? [] : [`versionsMillis: ${join.asOf.retention},`]),
    ];
  const { before, after, grace } = join.within;
  return [`keys: ${join.left.keys.length},`, `within: { before: ${before}, after: ${after}, grace: ${grace} },`, shape];
}

function inputOf(inputs: CompileJoinOptions['inputs'], name: string): Input {
  const found = inputs.get(name);
  if (found === undefined) throw new Error(`the schema of ${name} is missing`);
  return found;
}

function codeOfParts(module: ModuleCode, plan: Plan & { readonly join: Join }): Readonly<Record<string, string>> {
  const code = ([part, of]: readonly [string, Plan]): [string, string] => [part, statementCode(module, of)];
  return Object.fromEntries(Object.entries(partsOf(plan)).map(code));
}

/** Returns the plans that a join consists of, by their names in its module. */
export function partsOf(plan: Plan & { readonly join: Join }): Readonly<Record<string, Plan>> {
  const { join } = plan;
  const [left, right] = [sidePlan(plan, join, 'left'), sidePlan(plan, join, 'right')];
  if (join.within !== undefined) return { left, right, row: rowPlan(plan, join, formOf(join)) };
  const deletedRight = keyPlan(plan, join, 'right');
  if (!join.ofTables) return { left, right, deleted: deletedRight, row: rowPlan(plan, join, formOf(join)) };
  return {
    left: isForeign(join) ? leftRowPlan(plan, join) : left,
    leftDeleted: isForeign(join) ? leftIdPlan(plan, join) : keyPlan(plan, join, 'left'),
    right,
    rightDeleted: deletedRight,
    joined: rowPlan(plan, join, 'projected'),
  };
}

const propertyName = (name: string): string => (/^[A-Za-z_$][\w$]*$/.test(name) ? name : quoteText(name));
