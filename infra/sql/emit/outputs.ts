import { factsOf } from '../catalog/type-facts.ts';
import type { Checked, ScopeColumn } from '../plan/checked.ts';
import { columnsOf } from '../plan/checked.ts';
import type { OutputColumn, Plan } from '../plan/plan.ts';
import type { SqlType } from '../plan/sql-type.ts';
import { typeName } from '../plan/sql-type.ts';
import { positionAt } from '../syntax/source-position.ts';
import { emit } from './expression.ts';
import type { ModuleCode } from './module-code.ts';
import { constant, expand, quoteText } from './module-code.ts';

export interface Outputs {
  readonly lines: readonly string[];
  /** The columns that the code decodes. Copied columns are not among them. */
  readonly read: readonly ScopeColumn[];
}

/** Returns the code that writes the JSON of one output. Neighbouring copied columns are copied in one piece. */
export function outputCode(module: ModuleCode, plan: Plan, indexes: ReadonlyMap<ScopeColumn, number>): Outputs {
  const lines: string[] = [];
  const read: ScopeColumn[] = [];
  let first = true;
  for (const group of groups(plan.outputs)) {
    const prefix = first ? '{' : ',';
    const copies = group.flatMap(({ expression }) => (isCopy(expression) ? [expression.column] : []));
    const [only] = group;
    if (copies.length === group.length) lines.push(...copyCode(module, { prefix, copies, names: group, indexes }));
    else if (only !== undefined) {
      lines.push(...valueCode(module, plan, { prefix, output: only }));
      read.push(...columnsOf(only.expression));
    }
    first = false;
  }
  lines.push(`${expand(module, '{json/json-writer/writeByte}')}(writer, 0x7d);`);
  return { lines, read: [...new Set(read)] };
}

type Column = Extract<Checked, { kind: 'column' }>;

const isCopy = (expression: Checked): expression is Column =>
  expression.kind === 'column' && expression.column.origin === 'data';

/** Groups the outputs: consecutive copied columns form one group, any other output a group of its own. */
function groups(outputs: readonly OutputColumn[]): readonly (readonly OutputColumn[])[] {
  const result: OutputColumn[][] = [];
  for (const output of outputs) {
    const last = result.at(-1);
    const previous = last?.at(-1);
    if (last !== undefined && previous !== undefined && keepsName(previous) && keepsName(output)) last.push(output);
    else result.push([output]);
  }
  return result;
}

const keepsName = ({ name, expression }: OutputColumn): boolean =>
  isCopy(expression) && expression.column.name === name;

interface Copies {
  readonly prefix: string;
  readonly copies: readonly ScopeColumn[];
  readonly names: readonly OutputColumn[];
  readonly indexes: ReadonlyMap<ScopeColumn, number>;
}

function copyCode(module: ModuleCode, { prefix, copies, names, indexes }: Copies): readonly string[] {
  const specs = copies.map((column, i) => {
    const name = names[i]?.name ?? column.name;
    return `${expand(module, '{row/row-copy/copied}')}(${indexes.get(column) ?? -1}, ${quoteText(name)}, { type: '${copiedType(column.type)}', nullable: ${column.nullable} })`;
  });
  const renamed = copies.length === 1 && names[0]?.name !== copies[0]?.name;
  const list = constant(module, `[${specs.join(', ')}]`, 'columns');
  const open = `${expand(module, '{json/json-writer/writeByte}')}(writer, ${prefix === '{' ? '0x7b' : '0x2c'});`;
  return [
    open,
    `${expand(module, renamed ? '{row/row-copy/copyRenamed}' : '{row/row-copy/copyColumns}')}(writer, row, ${list});`,
  ];
}

function copiedType(type: SqlType): string {
  if (type.kind === 'array') return 'list';
  return type.kind === 'record' ? 'object' : type.name;
}

function valueCode(
  module: ModuleCode,
  plan: Plan,
  { prefix, output }: { prefix: string; output: OutputColumn },
): readonly string[] {
  const { name, expression } = output;
  const key = constant(module, `Buffer.from(${quoteText(`${prefix}${JSON.stringify(name)}:`)})`, 'bytes');
  const { line, column } = positionAt(plan.source, expression.offset);
  return [
    `row.at = '${line}:${column}';`,
    `${expand(module, '{json/json-writer/writeBytes}')}(writer, ${key});`,
    writeCode(module, expression),
  ];
}

const WRITERS: Record<string, string> = {
  text: '{json/json-writer/writeText}',
  uuid: '{json/json-writer/writeText}',
  boolean: '{json/json-writer/writeBoolean}',
  integer: '{json/json-writer/writeInteger}',
  bigint: '{json/json-writer/writeInteger}',
  numeric: '{json/json-writer/writeDecimal}',
  'double precision': '{json/json-writer/writeDouble}',
  jsonb: '{json/json-writer/writeJson}',
};

function writeCode(module: ModuleCode, expression: Checked): string {
  const value = emit(module, expression);
  const writer =
    expression.type.kind === 'record' ? '{json/json-writer/writeJson}' : WRITERS[typeName(expression.type)];
  if (writer !== undefined) return `${expand(module, writer)}(writer, ${value});`;
  const json = expand(module, jsonOf(expression.type));
  const text = expression.nullable
    ? `${expand(module, '{logic/strict}')}(${json}, ${value}) ?? 'null'`
    : `${json}(${value})`;
  return `${expand(module, '{json/json-writer/writeString}')}(writer, ${text});`;
}

/** Returns the template of the function that makes JSON text of a value. */
function jsonOf(type: SqlType): string {
  if (type.kind === 'array') return `{json/json-writer/jsonList}(${jsonOf(type.element)})`;
  if (type.kind === 'record') return '{json/json/jsonText}';
  switch (type.name) {
    case 'boolean':
    case 'integer':
    case 'bigint':
      return '{json/json-writer/plainJson}';
    case 'numeric':
      return '{json/json-writer/decimalJson}';
    case 'double precision':
      return '{json/json-writer/numberJson}';
    case 'jsonb':
      return '{json/json/jsonText}';
    case 'date':
      return '{json/json-writer/dateJson}';
    case 'timestamp':
      return '{json/json-writer/quotedTimestamp}';
    case 'timestamptz':
      return '{json/json-writer/quotedTimestamptz}';
    default:
      return type.name === 'text' || type.name === 'uuid' ? '{json/json-writer/textJson}' : factsOf(type).toText;
  }
}
