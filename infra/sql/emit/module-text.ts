import { basename, posix } from 'node:path';
import type { Source } from '../syntax/source-position.ts';
import type { ModuleCode } from './module-code.ts';
import { quoteText } from './module-code.ts';

/** What the module of a `.sql` file is made of, besides the imports and constants that its code has asked for. */
interface ModuleParts {
  readonly source: Source;
  /** The path of functions/runtime. */
  readonly runtime: string;
  readonly handler: Handler;
  /** The runtime's function that makes the step. */
  readonly make: string;
  readonly schemas: readonly ImportedSchema[];
  /** The streams by what they are to the step; one without a name is left out. */
  readonly streams: Readonly<Record<string, string | undefined>>;
  /** The lines that differ between the kinds of steps. */
  readonly body: readonly string[];
}

/** The function that makes the handler, and its file beside the runtime or in it. */
interface Handler {
  readonly name: string;
  readonly module: string;
}

/** An export that is a schema, or has one: a transform that of its outputs (`to`), a table that of its rows (`row`). */
export interface SchemaImport {
  readonly module: string;
  readonly name: string;
  readonly property?: 'to' | 'row' | undefined;
}

interface ImportedSchema {
  readonly line: string;
  /** The code of the schema. */
  readonly code: string;
}

/** Returns the text of a module that makes a step of a `.sql` file, and its handler. */
export function moduleText(module: ModuleCode, parts: ModuleParts): string {
  const { source, runtime, handler, make, schemas, body } = parts;
  const file = basename(source.file);
  const name = exportName(file);
  const constants = constantLines(module);
  const streams = Object.entries(parts.streams).flatMap(([role, stream]) =>
    stream === undefined ? [] : [`${role}: ${quoteText(stream)}`],
  );
  return indent(
    [
      `// Compiled from ${file} by \`npm run sql:compile\`. Change that file, not this one.`,
      "import { z } from 'zod';",
      ...importLines(module, runtime),
      `import { ${handler.name} } from '${handler.module}';`,
      ...schemas.map(({ line }) => line),
      '',
      ...constants,
      ...(constants.length > 0 ? [''] : []),
      ...commentLines(source),
      `export const ${name} = ${make}({`,
      'entry: import.meta.url,',
      `file: '${file}',`,
      `streams: { ${streams.join(', ')} },`,
      ...body,
      '});',
      '',
      `export const handler = ${handler.name}(${name});`,
      '',
    ].join('\n'),
  );
}

/** Returns the names that a module has besides those of its schemas. */
export function takenNames(
  module: ModuleCode,
  { source, handler }: Pick<ModuleParts, 'source' | 'handler'>,
): Set<string> {
  const own = ['z', 'handler', handler.name, exportName(basename(source.file))];
  return new Set([...own, ...[...module.imports.values()].flatMap((names) => [...names])]);
}

/** Imports a schema, and takes a name for it: its own, with `Schema` appended while that is taken. */
export function importSchema({ module, name, property }: SchemaImport, taken: Set<string>): ImportedSchema {
  let local = name;
  while (taken.has(local)) local = `${local}Schema`;
  taken.add(local);
  return {
    line: `import { ${local === name ? name : `${name} as ${local}`} } from '${module}';`,
    code: property === undefined ? local : `${local}.${property}`,
  };
}

/** `../runtime` → `../table-state`: a folder beside that of the runtime. */
export function beside(runtime: string, folder: string): string {
  const path = posix.join(runtime, '..', folder);
  return path.startsWith('.') ? path : `./${path}`;
}

/** Returns the statement as a doc comment. */
function commentLines({ text }: Source): readonly string[] {
  const lines = text.trim().split('\n');
  return ['/**', ...lines.map((line) => ` * ${line.replaceAll('*/', '* /')}`.trimEnd()), ' */'];
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

const isTypeName = (file: string, name: string): boolean =>
  /^[A-Z][a-z]/.test(name) &&
  ['row/row', 'sql-transform', 'numbers/decimals', 'time/intervals', 'json/json'].includes(file);

/** Returns the declarations of the module's constants; a list of columns takes one line per column. */
export const constantLines = (module: ModuleCode): readonly string[] =>
  [...module.constants].map(([code, name]) =>
    code.startsWith('[copied(')
      ? `const ${name} = [\n${code.slice(1, -1).replaceAll('), copied(', '),\ncopied(')},\n];`
      : `const ${name} = ${code};`,
  );

/** `completed-orders.sql` → `completedOrders`. */
function exportName(file: string): string {
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
