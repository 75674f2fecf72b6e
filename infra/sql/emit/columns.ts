import { factsOf } from '../catalog/type-facts.ts';
import type { ScopeColumn } from '../plan/checked.ts';
import { typeName } from '../plan/sql-type.ts';
import type { ModuleCode } from './module-code.ts';
import { constant, expand, quoteText } from './module-code.ts';

export interface Reading {
  readonly indexes: ReadonlyMap<ScopeColumn, number>;
  /** Columns that have the same values again and again. */
  readonly repeated?: ReadonlySet<ScopeColumn>;
}

/** Returns the declaration of a column's variable: `const status = …`. */
export function readColumn(module: ModuleCode, column: ScopeColumn, { indexes, repeated }: Reading): string {
  if (column.origin === 'event') return `const ${column.variable} = ${attributeCode(module, column.name)};`;
  const index = indexes.get(column) ?? -1;
  const value = repeated?.has(column) === true ? repeatedCode(module, column, index) : valueCode(module, column, index);
  const code = column.nullable ? value : `${expand(module, '{row/row-values/required}')}(row, ${index}, ${value})`;
  return `const ${column.variable} = ${code};`;
}

function attributeCode(module: ModuleCode, name: string): string {
  if (name !== 'time') return `event.${name}`;
  return `${expand(module, '{time/timestamps/timestamptzFromText}')}(event.time)`;
}

function repeatedCode(module: ModuleCode, column: ScopeColumn, index: number): string {
  if (typeName(column.type) !== 'text') return valueCode(module, column, index);
  const known = constant(module, `${expand(module, '{row/repeated-texts/repeatedTexts}')}()`, 'texts');
  return `${expand(module, '{row/repeated-texts/repeatedTextAt}')}(row, ${index}, ${known})`;
}

function valueCode(module: ModuleCode, { type }: ScopeColumn, index: number): string {
  const direct: Record<string, string> = {
    text: '{row/row-values/textAt}',
    boolean: '{row/row-values/booleanAt}',
    numeric: '{row/row-values/decimalAt}',
    'double precision': '{row/row-values/doubleAt}',
    jsonb: '{row/row-values/jsonAt}',
    timestamptz: '{row/row-values/timestamptzAt}',
  };
  const template = direct[typeName(type)];
  if (template !== undefined) return `${expand(module, template)}(row, ${index})`;
  const read = expand(module, factsOf(type).fromJson);
  return `${expand(module, '{row/row-values/valueAt}')}(row, ${index}, { type: ${quoteText(typeName(type))}, read: ${read} })`;
}
