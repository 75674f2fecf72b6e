import { basename } from 'node:path';
import type { z } from 'zod';
import type { Expected } from './check/statement.ts';
import { checkCondition, checkStatement } from './check/statement.ts';
import type { ModuleCode } from './emit/module-code.ts';
import { expand, quoteText, typescriptModule } from './emit/module-code.ts';
import { statementCode } from './emit/statement.ts';
import type { Plan } from './plan/plan.ts';
import { outputSchemaCode } from './schema/output-schema.ts';
import { columnsOfSchema } from './schema/schema-columns.ts';
import type { Source } from './syntax/source-position.ts';
import { SqlMistake } from './syntax/source-position.ts';

/** What a `.sql` file is compiled with. */
export interface CompileOptions {
  readonly schema: z.ZodType;
  /** How the generated module imports that schema, and the runtime. */
  readonly schemaImport: { readonly module: string; readonly name: string };
  readonly runtime: string;
}

/** The first line of a `.sql` file names the schema of the stream that it reads: `-- schema: ./order.ts#Order`. */
export function schemaReference(source: Source): { readonly module: string; readonly name: string } {
  const match = /^--\s*schema:\s*(\S+?)#([A-Za-z_$][\w$]*)\s*$/m.exec(source.text);
  if (match?.[1] !== undefined && match[2] !== undefined) return { module: match[1], name: match[2] };
  throw new SqlMistake('invalid', {
    source,
    offset: 0,
    problem: 'the file does not name the schema of its stream',
    hint: 'write a first line such as -- schema: ./order.ts#Order',
  });
}

/** Compiles a `.sql` file to the module that stands beside it. The same file gives the same text. */
export async function compileFile(source: Source, options: CompileOptions): Promise<string> {
  const plan = await checkStatement(source, { columns: requireColumns(source, options.schema) });
  return moduleText(plan, options);
}

/** The plan of a statement over a zod schema, with the names of the step's streams where there is one. */
export function planFor(source: Source, schema: z.ZodType, names: Omit<Expected, 'columns'> = {}): Promise<Plan> {
  return checkStatement(source, { ...names, columns: requireColumns(source, schema) });
}

/** The plan of what could stand behind WHERE, over the schema of a stream of this name. */
export function planForCondition(source: Source, stream: string, schema: z.ZodType): Promise<Plan> {
  return checkCondition(source, stream, requireColumns(source, schema));
}

function requireColumns(source: Source, schema: z.ZodType): Expected['columns'] {
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
  const body = statementCode(module, plan);
  const file = basename(plan.source.file);
  const name = exportName(file);
  expand(module, '{sql-transform/sqlTransform}');
  const input = unclaimed(schemaImport.name, module, name);
  const imports = [
    "import { z } from 'zod';",
    ...importLines(module, runtime),
    `import { transformHandler } from '${runtime}/transform-handler.ts';`,
    `import { ${input === schemaImport.name ? input : `${schemaImport.name} as ${input}`} } from '${schemaImport.module}';`,
  ];
  const streamNames = [
    `from: ${quoteText(plan.from)}`,
    ...(plan.target === undefined ? [] : [`to: ${quoteText(plan.target)}`]),
  ];
  const constants = constantLines(module);
  const comment = plan.source.text
    .trim()
    .split('\n')
    .map((line) => ` * ${line.replaceAll('*/', '* /')}`.trimEnd());
  return indent(
    [
      `// Compiled from ${file} by \`npm run sql:compile\`. Change that file, not this one.`,
      ...imports,
      '',
      ...constants,
      ...(constants.length > 0 ? [''] : []),
      '/**',
      ...comment,
      ' */',
      `export const ${name} = sqlTransform({`,
      'entry: import.meta.url,',
      `file: '${file}',`,
      `streams: { ${streamNames.join(', ')} },`,
      `from: ${input},`,
      `to: ${outputSchemaCode(plan.outputs, { schema, name: input })},`,
      body,
      '});',
      '',
      `export const handler = transformHandler(${name});`,
      '',
    ].join('\n'),
  );
}

/** The schema's name in the module: another one where the runtime, or the module itself, has something of that name. */
function unclaimed(schema: string, module: ModuleCode, transform: string): string {
  const claimed = new Set([...module.imports.values()].flatMap((names) => [...names]));
  for (const name of ['z', 'transformHandler', 'handler', transform]) claimed.add(name);
  let name = schema;
  while (claimed.has(name)) name = `${name}Schema`;
  return name;
}

/** Imports of what generated code calls, from functions/runtime as the module sees it. */
export function importLines(module: ModuleCode, runtime: string): readonly string[] {
  const files = [...module.imports.keys()].sort();
  return files.map((file) => {
    const names = [...(module.imports.get(file) ?? [])]
      .sort()
      .map((name) => (isTypeName(file, name) ? `type ${name}` : name));
    return `import { ${names.join(', ')} } from '${runtime}/sql/${file}.ts';`;
  });
}

/** A list of columns has a line for each. */
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
function exportName(file: string): string {
  return file.replace(/\.sql$/, '').replace(/[-_. ]+([a-z0-9])/gi, (_, letter: string) => letter.toUpperCase());
}

/** Lines by the brackets around them. */
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

/** Brackets that a line leaves open, outside of its quotes. */
function opened(line: string): number {
  const code = line.replace(/'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"/g, '');
  return (code.match(/[{[(]/g) ?? []).length > (code.match(/[}\])]/g) ?? []).length
    ? 1
    : (code.match(/[{[(]/g) ?? []).length < (code.match(/[}\])]/g) ?? []).length
      ? -1
      : 0;
}
