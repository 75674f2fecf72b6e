import { basename, posix } from 'node:path';
import type { z } from 'zod';
import type { Expected } from './check/statement.ts';
import { checkCondition, checkStatement } from './check/statement.ts';
import { keyOf } from './check/table.ts';
import { columnTextsCode, keptCode, keyColumnsOf, stateTypesOf } from './emit/grouped.ts';
import type { ModuleCode } from './emit/module-code.ts';
import { expand, quoteText, typescriptModule } from './emit/module-code.ts';
import { statementCode } from './emit/statement.ts';
import type { OutputColumn, Plan } from './plan/plan.ts';
import type { SqlType } from './plan/sql-type.ts';
import { typeName } from './plan/sql-type.ts';
import { stateParts } from './plan/state-parts.ts';
import { shownShape, stateShape } from './plan/state-shape.ts';
import { outputSchemaCode } from './schema/output-schema.ts';
import { columnsOfSchema } from './schema/schema-columns.ts';
import type { Source } from './syntax/source-position.ts';
import { SqlMistake } from './syntax/source-position.ts';

/** Inputs of the compiler besides the `.sql` file itself. */
export interface CompileOptions {
  readonly schema: z.ZodType;
  /** How the generated module imports that schema, and the runtime. */
  readonly schemaImport: SchemaImport;
  readonly runtime: string;
  /** What the file has to make: a stream without `makes`. */
  readonly makes?: 'stream' | 'table' | undefined;
}

/** An export that is a schema, or has one: a transform that of its outputs (`to`), a table that of its rows (`row`). */
export interface SchemaImport {
  readonly module: string;
  readonly name: string;
  readonly property?: 'to' | 'row' | undefined;
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
  return moduleText(plan, options);
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

function moduleText(plan: Plan, { schema, schemaImport, runtime }: CompileOptions): string {
  const module = typescriptModule();
  const isTable = plan.table !== undefined;
  const body = isTable ? tableCode(module, plan) : [statementCode(module, plan)];
  const file = basename(plan.source.file);
  const name = exportName(file);
  const make = expand(module, isTable ? '{sql-table/sqlTable}' : '{sql-transform/sqlTransform}');
  const handler = isTable ? 'tableHandler' : 'transformHandler';
  const handlerModule = isTable
    ? `${beside(runtime, 'table-state')}/table-handler.ts`
    : `${runtime}/transform-handler.ts`;
  const imported = uniqueSchemaName(schemaImport.name, module, [name, handler]);
  const input = schemaImport.property === undefined ? imported : `${imported}.${schemaImport.property}`;
  const imports = [
    "import { z } from 'zod';",
    ...importLines(module, runtime),
    `import { ${handler} } from '${handlerModule}';`,
    `import { ${imported === schemaImport.name ? imported : `${schemaImport.name} as ${imported}`} } from '${schemaImport.module}';`,
  ];
  const streamNames = [
    `from: ${quoteText(plan.from)}`,
    ...(plan.target === undefined ? [] : [`to: ${quoteText(plan.target)}`]),
  ];
  const constants = constantLines(module);
  return indent(
    [
      `// Compiled from ${file} by \`npm run sql:compile\`. Change that file, not this one.`,
      ...imports,
      '',
      ...constants,
      ...(constants.length > 0 ? [''] : []),
      ...commentLines(plan.source),
      `export const ${name} = ${make}({`,
      'entry: import.meta.url,',
      `file: '${file}',`,
      `streams: { ${streamNames.join(', ')} },`,
      `from: ${input},`,
      `${isTable ? 'row' : 'to'}: ${outputSchemaCode(shownOutputs(plan), { schema, name: input })},`,
      ...body,
      '});',
      '',
      `export const handler = ${handler}(${name});`,
      '',
    ].join('\n'),
  );
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

/** `../runtime` → `../table-state`: a folder beside that of the runtime. */
export function beside(runtime: string, folder: string): string {
  const path = posix.join(runtime, '..', folder);
  return path.startsWith('.') ? path : `./${path}`;
}

/** Returns the statement as a doc comment. */
export function commentLines({ text }: Source): readonly string[] {
  const lines = text.trim().split('\n');
  return ['/**', ...lines.map((line) => ` * ${line.replaceAll('*/', '* /')}`.trimEnd()), ' */'];
}

/** Returns the schema's name in the module; appends `Schema` while an import or another export has the same name. */
function uniqueSchemaName(schema: string, module: ModuleCode, others: readonly string[]): string {
  const taken = new Set([...module.imports.values()].flatMap((names) => [...names]));
  for (const name of ['z', 'handler', ...others]) taken.add(name);
  let name = schema;
  while (taken.has(name)) name = `${name}Schema`;
  return name;
}

/** Returns the import lines for all runtime functions that the generated code calls. `runtime` is the path to them. */
export function importLines(module: ModuleCode, runtime: string): readonly string[] {
  const files = [...module.imports.keys()].sort();
  return files.map((file) => {
    const names = [...(module.imports.get(file) ?? [])]
      .sort()
      .map((name) => (isTypeName(file, name) ? `type ${name}` : name));
    return `import { ${names.join(', ')} } from '${runtime}/sql/${file}.ts';`;
  });
}

/** Returns the declarations of the module's constants; a list of columns takes one line per column. */
export const constantLines = (module: ModuleCode): readonly string[] =>
  [...module.constants].map(([code, name]) =>
    code.startsWith('[copied(')
      ? `const ${name} = [\n${code.slice(1, -1).replaceAll('), copied(', '),\ncopied(')},\n];`
      : `const ${name} = ${code};`,
  );

const isTypeName = (file: string, name: string): boolean =>
  /^[A-Z][a-z]/.test(name) &&
  ['row/row', 'sql-transform', 'numbers/decimals', 'time/intervals', 'json/json'].includes(file);

/** `completed-orders.sql` → `completedOrders`. */
export function exportName(file: string): string {
  return file.replace(/\.sql$/, '').replace(/[-_. ]+([a-z0-9])/gi, (_, letter: string) => letter.toUpperCase());
}

/** Indents each line by the number of brackets open around it. */
export function indent(text: string): string {
  let depth = 0;
  return text
    .split('\n')
    .map((line) => {
      if (/^\s?\*|^\/\*\*|^\/\//.test(line)) return line.startsWith(' *') ? line : line.trimStart();
      const closes = /^[}\])]/.test(line) ? 1 : 0;
      const shown = line === '' ? '' : `${'  '.repeat(Math.max(depth - closes, 0))}${line}`;
      depth += opened(line);
      return shown;
    })
    .join('\n');
}

/** Returns 1 if a line opens more brackets than it closes, -1 if it closes more, otherwise 0; ignores quoted text. */
function opened(line: string): number {
  const code = line.replace(/'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"/g, '');
  return (code.match(/[{[(]/g) ?? []).length > (code.match(/[}\])]/g) ?? []).length
    ? 1
    : (code.match(/[{[(]/g) ?? []).length < (code.match(/[}\])]/g) ?? []).length
      ? -1
      : 0;
}
