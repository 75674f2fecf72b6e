import type { z } from 'zod';
import type { Expected } from './check/statement.ts';
import { checkCondition, checkStatement } from './check/statement.ts';
import { keyOf } from './check/table.ts';
import { columnTextsCode, keptCode, keyColumnsOf, stateTypesOf } from './emit/grouped.ts';
import type { ModuleCode } from './emit/module-code.ts';
import { expand, quoteText, typescriptModule } from './emit/module-code.ts';
import { beside, importSchema, moduleText, type SchemaImport, takenNames } from './emit/module-text.ts';
import { statementCode } from './emit/statement.ts';
import type { OutputColumn, Plan } from './plan/plan.ts';
import type { SqlType } from './plan/sql-type.ts';
import { typeName } from './plan/sql-type.ts';
import { stateParts } from './plan/state-parts.ts';
import { shownShape, stateShape } from './plan/state-shape.ts';
import { staysWhole } from './plan/stays-whole.ts';
import { outputSchemaCode } from './schema/output-schema.ts';
import { columnsOfSchema } from './schema/schema-columns.ts';
import type { Source } from './syntax/source-position.ts';
import { SqlMistake } from './syntax/source-position.ts';

/** An input of a statement: its schema, and how the generated module imports that. */
export interface Input {
  readonly schema: z.ZodType;
  readonly schemaImport: SchemaImport;
}

/** What the compiler gets besides the `.sql` file: the input, and the path of functions/runtime. */
export interface CompileOptions extends Input {
  readonly runtime: string;
  /** What the file has to make: a stream without `makes`. */
  readonly makes?: 'stream' | 'table' | undefined;
}

/** An export of a module. */
export interface SchemaReference {
  readonly module: string;
  readonly name: string;
}

/** Reads the schema reference in the first line of a `.sql` file: `-- schema: ./order.ts#Order`. */
export function schemaReference(source: Source): SchemaReference {
  const match = /^--\s*schema:\s*(\S+?)#([A-Za-z_$][\w$]*)\s*$/m.exec(source.text);
  if (match?.[1] !== undefined && match[2] !== undefined) return { module: match[1], name: match[2] };
  throw new SqlMistake('invalid', {
    source,
    offset: 0,
    problem: 'the file does not name the schema of its stream',
    hint: 'write a first line such as -- schema: ./order.ts#Order',
  });
}

/** Compiles a `.sql` file to the text of the module beside it. The same file always gives the same text. */
export async function compileFile(source: Source, options: CompileOptions): Promise<string> {
  const { schema, makes = 'stream' } = options;
  const plan = await checkStatement(source, { columns: requireColumns(source, schema), makes });
  return codeOf(plan, options);
}

/** Checks a statement against a zod schema, and against the names of the step's streams if they are given. */
export function planFor(source: Source, schema: z.ZodType, names: Omit<Expected, 'columns'> = {}): Promise<Plan> {
  return checkStatement(source, { ...names, columns: requireColumns(source, schema) });
}

/** Checks a condition (the text that could follow WHERE) against the schema of the named stream. */
export function planForCondition(source: Source, stream: string, schema: z.ZodType): Promise<Plan> {
  return checkCondition(source, stream, requireColumns(source, schema));
}

/** Returns the columns of a stream's schema. Throws `SqlMistake` for a schema that is no object. */
export function requireColumns(source: Source, schema: z.ZodType): Expected['columns'] {
  const columns = columnsOfSchema(schema);
  if (columns !== undefined) return columns;
  throw new SqlMistake('invalid', {
    source,
    offset: 0,
    problem: 'the schema of the stream is not an object',
    hint: 'SQL can read only streams whose schema is z.object({ … })',
  });
}

function codeOf(plan: Plan, { schema, schemaImport, runtime }: CompileOptions): string {
  const module = typescriptModule();
  const isTable = plan.table !== undefined;
  const code = isTable ? tableCode(module, plan) : [statementCode(module, plan)];
  const make = expand(module, isTable ? '{sql-table/sqlTable}' : '{sql-transform/sqlTransform}');
  const handler = isTable
    ? { name: 'tableHandler', module: `${beside(runtime, 'table-state')}/table-handler.ts` }
    : { name: 'transformHandler', module: `${runtime}/transform-handler.ts` };
  const { source } = plan;
  const imported = importSchema(schemaImport, takenNames(module, { source, handler }));
  const name = imported.code;
  return moduleText(module, {
    source,
    runtime,
    handler,
    make,
    schemas: [imported],
    streams: { from: plan.from, to: plan.target },
    body: [
      `from: ${name},`,
      `${isTable ? 'row' : 'to'}: ${outputSchemaCode(shownOutputs(plan), { schema, name })},`,
      ...code,
    ],
  });
}

/** Returns the code of what is in a table's module and not in a transform's. */
export function tableCode(module: ModuleCode, plan: Plan): readonly string[] {
  const types = plan.grouping === undefined ? [] : stateTypesOf(plan.grouping).flat();
  return [
    `key: [${keyOf(plan).map(quoteText).join(', ')}],`,
    `shape: ${quoteText(stateShape(plan))},`,
    `shown: ${quoteText(shownShape(plan))},`,
    `parts: { ${Object.entries(stateParts(plan))
      .map(([clause, text]) => `${/^[a-z]+$/i.test(clause) ? clause : quoteText(clause)}: ${quoteText(text)}`)
      .join(', ')} },`,
    `isGrowing: ${types.some(isGrowing)},`,
    `staysWhole: ${staysWhole(plan)},`,
    `keyColumns: ${columnTextsCode(
      module,
      plan.grouping === undefined ? [] : keyColumnsOf(plan.grouping).map(({ type }) => type),
    )},`,
    keptCode(module, plan),
  ];
}

/** Tests whether a value of the type may have any number of bytes. */
const isGrowing = (type: SqlType): boolean => type.kind !== 'scalar' || ['text', 'jsonb', 'bytea'].includes(type.name);

/**
 * Returns the outputs with the key, and the row of DISTINCT ON, as the input has them: a column that comes from there
 * keeps the schema of the input, unless its value is written otherwise than it was read.
 */
function shownOutputs({ outputs, grouping }: Plan): readonly OutputColumn[] {
  const values = [...(grouping?.keys ?? []), ...(grouping?.first?.values ?? [])];
  return outputs.map(({ name, expression }) => {
    const value = values.find(({ column }) => expression.kind === 'column' && expression.column === column);
    const isSame = value !== undefined && WRITTEN_AS_READ.has(typeName(value.expression.type));
    return { name, expression: isSame ? value.expression : expression };
  });
}

/** Not numeric: as a column of Postgres, the schema of any number has 15 digits. */
const WRITTEN_AS_READ: ReadonlySet<string> = new Set([
  'text',
  'boolean',
  'integer',
  'bigint',
  'double precision',
  'uuid',
  'date',
]);
